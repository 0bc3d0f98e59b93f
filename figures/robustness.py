"""study/, robustness/* → does the ranking hold under other conditions?"""

from matplotlib.figure import Figure

from analysis.pictures.robustness import draw_robustness
from analysis.robustness import agreement
from figures.saved import compare_conditions


def draw() -> Figure:
    compared = compare_conditions()
    return draw_robustness(compared, agreement(compared), "identity")
