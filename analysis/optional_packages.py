"""How to install what is missing, so that the line can be pasted: also in a clone, which no package index knows."""

import shlex
import sys
from importlib.metadata import PackageNotFoundError, requires
from pathlib import Path

DISTRIBUTION = "whichway"


def how_to_install(extra: str) -> str:
    """The command that installs the packages of an extra ("video", "lab") for the Python that is running.

    It names the packages, not the extra: "whichway[video]" is on no package index that pip could look into.
    """
    return install_command(*packages_of(extra))


def install_command(*packages: str) -> str:
    """The command that installs packages for the Python that is running."""
    return f"{_python()} -m pip install {' '.join(map(shlex.quote, packages))}"


def packages_of(extra: str) -> list[str]:
    """Requirements such as "imageio-ffmpeg>=0.5", those of extras that the extra includes too."""
    try:
        requirements = requires(DISTRIBUTION) or []
    except PackageNotFoundError:  # a checkout on the path that was never installed
        return [f"{DISTRIBUTION}[{extra}]"]
    packages: list[str] = []
    for requirement in requirements:
        package, _, marker = (part.strip() for part in requirement.partition(";"))
        if f"extra == {extra!r}" not in marker.replace('"', "'"):
            continue
        name, _, included = package.rstrip("]").partition("[")
        packages += (
            [each for part in included.split(",") for each in packages_of(part)] if name == DISTRIBUTION else [package]
        )
    return packages


def _python() -> str:
    """This Python as it can be called from here: ".venv/bin/python" in a clone whose environment is not active."""
    python, here = Path(sys.executable), Path.cwd()
    inside = python.is_relative_to(here) and here != Path(here.root)
    return shlex.quote(str(python.relative_to(here) if inside else python))
