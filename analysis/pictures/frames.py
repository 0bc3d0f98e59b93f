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
    height, width, _ = picture.shape
    dots = inches * axis.figure.dpi / width  # for each pixel; a subfigure has its figure's dots per inch
    times = max(1, int(dots + 0.001))
    repeated = picture.repeat(times, axis=0).repeat(times, axis=1)  # older matplotlibs enlarge unevenly
    extent = (-0.5, width - 0.5, height - 0.5, -0.5)  # coordinates are the picture's pixels
    axis.imshow(repeated, interpolation="nearest" if dots > 0.999 else "antialiased", extent=extent)
    axis.set(xticks=[], yticks=[])
    axis.spines[:].set_visible(False)
