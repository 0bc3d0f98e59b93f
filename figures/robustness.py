"""study/, robustness/* → does the ranking hold under other conditions?"""

from matplotlib.figure import Figure

from analysis.pictures.robustness import draw_robustness
from analysis.robustness import agreement, compare_studies
from figures.saved import HERE, STUDY


def draw() -> Figure:
    compared = compare_studies([STUDY, *sorted((HERE / "robustness").glob("*/"))])
    return draw_robustness(compared, agreement(compared), "identity")
