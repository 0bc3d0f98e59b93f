"""figures/study and figures/robustness/* → figures/robustness.png: does the ranking hold under other conditions?"""

from pathlib import Path

from analysis.pictures.robustness import draw_robustness
from analysis.robustness import agreement, compare_studies

HERE = Path(__file__).parent

if __name__ == "__main__":
    compared = compare_studies([HERE / "study", *sorted((HERE / "robustness").glob("*/"))])
    draw_robustness(compared, agreement(compared), "identity").savefig(HERE / "robustness.png")
