"""study/, robustness/* → does the ranking hold under other conditions?"""

from matplotlib.figure import Figure

from figures.saved import STUDY, compare_conditions
from whichway.analysis.pictures.robustness import draw_robustness
from whichway.analysis.study.robustness import agreement, describe_condition
from whichway.analysis.study.saved_study import read_study


def draw() -> Figure:
    compared = compare_conditions()
    return draw_robustness(compared, agreement(compared), "identity", describe_condition(read_study(STUDY)))
