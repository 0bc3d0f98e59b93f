"""study/, robustness/* → does the ranking hold under other conditions?"""

from matplotlib.figure import Figure

from figures.saved import compare_conditions
from whichway.analysis.pictures.robustness import draw_robustness
from whichway.analysis.study.robustness import agreement


def draw() -> Figure:
    compared = compare_conditions()
    return draw_robustness(compared, agreement(compared), "identity")
