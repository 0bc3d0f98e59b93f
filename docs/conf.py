"""The documentation: ``make docs`` builds it into build/docs. Warnings are errors."""

import re
import sys
from importlib.metadata import version as installed_version
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).parent))

import whichway.analysis.command.main  # noqa: F401 - gives each command its --plugin

project = "whichway"
author = "the whichway contributors"
release = version = installed_version("whichway")

extensions = [
    "myst_parser",
    "sphinx.ext.autodoc",
    "sphinx.ext.autosummary",
    "sphinx.ext.napoleon",
    "sphinx_click",
    "sphinx_copybutton",
    "native_math",
    "registry_tables",
]
exclude_patterns = ["_build", "Thumbs.db"]
myst_enable_extensions = ["dollarmath", "amsmath", "deflist"]
myst_heading_anchors = 3
suppress_warnings = ["myst.header"]  # a page that is included begins with a heading of its own

autodoc_member_order = "bysource"
autodoc_typehints = "description"
autodoc_typehints_description_target = "documented"
napoleon_google_docstring = True
napoleon_numpy_docstring = False

nitpicky = True  # a reference that leads nowhere is an error, except to what is not in the reference:
nitpick_ignore_regex = [
    ("py:mod", ".*"),  # modules inside the packages
    ("py:.*", r"whichway\.\w+\.\w+\..+"),  # and what is in them
    ("py:(data|func)", r"\w+"),  # names of the module in which they stand
    ("py:class", r"(?!whichway).*"),  # types of other packages, and shapes
]

html_math_renderer = "mathml"  # without a network, too
html_theme = "furo"
html_title = f"whichway {release}"
html_static_path: list[str] = []


def _escape_bars(app: Any, what: str, name: str, of: object, options: object, lines: list[str]) -> None:
    """|x| is an absolute value here, not a substitution."""
    lines[:] = [line.replace("|", r"\|") for line in lines]


def _keep_choices(app: Any, ctx: Any, lines: list[str]) -> None:
    """optimal@cosine is a method, not an address."""
    lines[:] = [re.sub(r"\b([\w-]+@[\w-]+)", r"``\1``", line) for line in lines]


def setup(app: Any) -> None:
    app.connect("sphinx-click-process-options", _keep_choices)
    app.connect("autodoc-process-docstring", _escape_bars)
