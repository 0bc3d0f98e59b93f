"""Frames in figures: as many pixels as they have, smooth where they have to shrink, crisp where they are enlarged."""

from jaxtyping import UInt8
from matplotlib.axes import Axes
from numpy import ndarray

from whichway.analysis.pictures.style import DPI

LARGEST = 9_000  # pixels of a figure's longer side: beyond it, viewers and print shops give up


def frame_dpi(pixels: int, inches: float, longest: float) -> float:
    """Dots per inch at which a frame that is so many inches wide shows each of its pixels as one dot, or as n × n.

    Of a figure that would be larger than :data:`LARGEST` fewer: its frames are shrunk.

    Args:
        pixels: width of a frame.
        longest: the figure's longer side, in inches.
    """
    whole = max(1, -(-round(DPI * inches) // pixels))
    return min(whole * pixels / inches, LARGEST / longest)


def show_frame(axis: Axes, picture: UInt8[ndarray, "height width 3"], inches: float) -> None:
    """The picture without ticks and frame: its pixels repeated where it is enlarged, averaged where it is shrunk.

    Args:
        inches: how wide it will be at least.
    """
    dots = inches * axis.figure.dpi  # a subfigure has its figure's
    axis.imshow(picture, interpolation="nearest" if dots > 0.999 * picture.shape[1] else "antialiased")
    axis.set(xticks=[], yticks=[])
    axis.spines[:].set_visible(False)
