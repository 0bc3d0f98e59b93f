"""figures/study → figures/geometry_against_perception.png: what geometric length says of looks."""

from pathlib import Path

from analysis.pictures.study import draw_geometry
from analysis.study import read_results, read_steps

HERE = Path(__file__).parent

if __name__ == "__main__":
    study = HERE / "study"
    figure = draw_geometry(read_results(study), read_steps(study), "efficientnet")
    figure.savefig(HERE / "geometry_against_perception.png")
