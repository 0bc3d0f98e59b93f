"""figures/study → figures/strata.png: PPL by similarity of the prompts."""

from pathlib import Path

from analysis.pictures.study import draw_strata
from analysis.study import read_results

HERE = Path(__file__).parent

if __name__ == "__main__":
    draw_strata(read_results(HERE / "study"), "efficientnet", "identity").savefig(HERE / "strata.png")
