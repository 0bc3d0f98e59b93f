"""Look at the paths between prompts while they are rendered: a widget for notebooks.

Reading order: :mod:`whichway.analysis.explorer.exploration` (what there is to see, as messages, the frame under the
cursor first) → :mod:`whichway.analysis.explorer.background` (one thread that works for the latest request) →
:mod:`whichway.analysis.explorer.widget` (traits and messages between kernel and page; the page is ``page/explorer.js``)
→ :mod:`whichway.analysis.explorer.export` (what is seen, as a file).

:mod:`whichway.analysis.explorer.prompt_map` is a map of many prompts, read with the pointer.

    from whichway.analysis.explorer import Explorer
    Explorer(prompts=["a fox on a blue background", "a panda on a pink background"])
"""

from typing import TYPE_CHECKING

from whichway.analysis.errors import UserError
from whichway.analysis.optional_packages import how_to_install

if TYPE_CHECKING:
    from whichway.analysis.explorer.prompt_map import PromptMap
    from whichway.analysis.explorer.widget import Explorer

__all__ = ["Explorer", "PromptMap"]


def __getattr__(name: str) -> object:
    if name not in __all__:
        raise AttributeError(f"module 'whichway.analysis.explorer' has no attribute {name!r}")
    try:
        import anywidget  # noqa: F401 - the one package that the widget needs beyond those of the command
    except ImportError as error:
        raise UserError(
            f"the explorer needs the package anywidget; install it with: {how_to_install('lab')}"
        ) from error
    if name == "PromptMap":
        from whichway.analysis.explorer.prompt_map import PromptMap

        return PromptMap
    from whichway.analysis.explorer.widget import Explorer

    return Explorer
