"""The figures' scripts stand beside the packages and take no name of theirs; README says what the records say."""

from pathlib import Path

from analysis.study import read_results
from figures.headline import rewrite

ROOT = Path(__file__).parent.parent
FIGURES = ROOT / "figures"


def test_no_script_shadows_a_package():
    packages = {path.parent.name for path in ROOT.glob("*/__init__.py")}
    assert packages >= {"geometry", "analysis", "miniature"}
    assert not packages & {path.stem for path in FIGURES.glob("*.py")}


def test_every_drawn_figure_has_its_script_and_readme_shows_only_what_is_there():
    readme = (ROOT / "README.md").read_text(encoding="utf-8")
    shown = [part.split(")")[0] for part in readme.split("](figures/")[1:]]
    assert shown
    for name in shown:
        assert (FIGURES / name).is_file(), name


def test_readme_says_what_the_studies_say():
    readme = (ROOT / "README.md").read_text(encoding="utf-8")
    assert rewrite(readme, *(read_results(FIGURES / name) for name in ("study", "parametrisation"))) == readme
