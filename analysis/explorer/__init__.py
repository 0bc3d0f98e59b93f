"""Look at the ways between prompts while they are rendered: a widget for notebooks.

Reading order: :mod:`analysis.explorer.exploration` (what there is to see, as messages, the frame under the cursor
first) → :mod:`analysis.explorer.background` (one thread that works for the latest request) →
:mod:`analysis.explorer.widget` (traits and messages between kernel and page; the page is ``page/explorer.js``) →
:mod:`analysis.explorer.export` (what is seen, as a file).

    from analysis.explorer import Explorer
    Explorer(prompts=["a fox on a blue background", "a panda on a pink background"])
"""

from typing import TYPE_CHECKING

from analysis.errors import UserError

if TYPE_CHECKING:
    from analysis.explorer.widget import Explorer

__all__ = ["Explorer"]


def __getattr__(name: str) -> object:
    if name != "Explorer":
        raise AttributeError(f"module 'analysis.explorer' has no attribute {name!r}")
    try:
        import anywidget  # noqa: F401 - the one package that the widget needs beyond those of the command
    except ImportError as error:
        raise UserError(
            "the explorer needs the package anywidget; install it with: pip install 'whichway[lab]'"
        ) from error
    from analysis.explorer.widget import Explorer

    return Explorer
