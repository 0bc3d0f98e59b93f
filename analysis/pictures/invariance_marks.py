"""What is measured of invariance, in the one look that it has in all figures."""

from dataclasses import dataclass
from typing import Any

from matplotlib.axes import Axes
from matplotlib.lines import Line2D

BLUE, ORANGE = "#0072B2", "#D9480F"


@dataclass(frozen=True)
class Mark:
    """Of one quantity.

    Attributes:
        title: what the legend calls it.
        shift: of a row's height, by which it is drawn above (negative) or below the middle: no mark hides another.
    """

    title: str
    marker: str
    face: str
    edge: str
    shift: float

    @property
    def _look(self) -> dict[str, Any]:
        return {"marker": self.marker, "color": self.face, "mec": self.edge, "ls": "", "ms": 5}

    def draw(self, axis: Axes, value: float, place: int) -> None:
        axis.plot(value, place + self.shift, **self._look)

    def handle(self) -> Line2D:
        return Line2D([], [], label=self.title, **self._look)


PERMUTED = Mark("rows permuted", "o", BLUE, BLUE, -0.2)
REWRITTEN = Mark("measure rewritten (worst of four ways)", "D", ORANGE, ORANGE, 0.2)
RESTORED = Mark("… with log-weights on the text keys, and places that travel", "D", "none", ORANGE, 0.2)
FLOOR = Mark("summed in another order: the floor", "|", "#555555", "#555555", 0.0)
CONTROL = Mark("another text: the control", "s", "black", "black", 0.0)
