"""figures/study → figures/distances.png: W_2 against Frobenius over the study's prompt pairs."""

from pathlib import Path

from analysis.pictures.study import draw_distances
from analysis.study import read_results

HERE = Path(__file__).parent

if __name__ == "__main__":
    draw_distances(read_results(HERE / "study")).savefig(HERE / "distances.png")
