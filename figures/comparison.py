"""figures/study → figures/comparison.png: which way is smoother, over all pairs."""

from pathlib import Path

from analysis.pictures.study import draw_comparison
from analysis.study import read_results

HERE = Path(__file__).parent

if __name__ == "__main__":
    draw_comparison(read_results(HERE / "study"), "efficientnet", "identity").savefig(HERE / "comparison.png")
