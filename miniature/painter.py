"""Scene -> picture: a background painted with NumPy, and objects pasted from the pictures in ``artwork/``.

The artwork is Noto Color Emoji's, Copyright 2013-2017 Google Inc., under the SIL Open Font License 1.1
(``artwork/LICENSE-OFL.txt``): each object's bitmap of 136×128 pixels, cropped to its box.
"""

from functools import cache
from pathlib import Path

import numpy as np
from PIL import Image

from whichway.miniature.world import COLOURS, Scene

RESOLUTION = 64
ARTWORK = Path(__file__).parent / "artwork"
SIDE = {"small": 22, "medium": 34, "large": 48}  # side of an object, in pixels of 64
PAIR_SIDE = 29
POSITION_SHIFT = {"middle": (0, 0), "left": (-1, 0), "right": (1, 0), "top": (0, -1), "bottom": (0, 1)}


def paint(scene: Scene, rng: np.random.Generator) -> np.ndarray:
    """Paint a scene: (64, 64, 3) uint8. ``rng`` jitters colours, sizes and places, so no two pictures are alike."""
    canvas = Image.fromarray(_background(scene.background, rng))
    for name, (x, y, side) in zip(scene.objects, _layout(scene, rng), strict=True):
        artwork = _artwork(name)
        scale = side / max(artwork.size)
        artwork = artwork.resize([max(1, round(length * scale)) for length in artwork.size], Image.Resampling.BOX)
        canvas.paste(artwork, (round(x - artwork.width / 2), round(y - artwork.height / 2)), artwork)
    return np.asarray(canvas)


def _layout(scene: Scene, rng: np.random.Generator) -> list[tuple[float, float, float]]:
    """Centre and side of every object, in pixels."""
    middle = RESOLUTION / 2
    if scene.relation is not None:
        gap = RESOLUTION / 4
        offsets = [(-gap, 0), (gap, 0)] if scene.relation == "left of" else [(0, -gap), (0, gap)]
        return [
            (middle + dx + rng.uniform(-1.5, 1.5), middle + dy + rng.uniform(-1.5, 1.5), PAIR_SIDE + rng.uniform(-1, 1))
            for dx, dy in offsets
        ]
    side = SIDE[scene.size] + rng.uniform(-1.5, 1.5)
    shift_x, shift_y = POSITION_SHIFT[scene.position]
    reach = (RESOLUTION - side) / 2 - 1
    return [
        (middle + shift_x * reach + rng.uniform(-1.5, 1.5), middle + shift_y * reach + rng.uniform(-1.5, 1.5), side)
    ]


@cache
def _artwork(name: str) -> Image.Image:
    """An object's picture, RGBA, cropped to its box."""
    with Image.open(ARTWORK / f"{name.replace(' ', '_')}.png") as picture:
        return picture.convert("RGBA")


def _background(name: str, rng: np.random.Generator) -> np.ndarray:
    paint_scenery = {
        "night": _night,
        "sunset": _sunset,
        "beach": _beach,
        "desert": _desert,
        "snow": _snow,
        "meadow": _meadow,
    }
    if name in COLOURS:
        pixels = np.broadcast_to(np.array(COLOURS[name], float), (RESOLUTION, RESOLUTION, 3))
    else:
        pixels = paint_scenery[name](rng)
    return (pixels + rng.uniform(-8, 8, size=3)).clip(0, 255).round().astype(np.uint8)


def _gradient(*stops: tuple[float, tuple[int, int, int]]) -> np.ndarray:
    """A vertical gradient through (height in [0, 1], colour) stops, from top to bottom."""
    heights = np.linspace(0, 1, RESOLUTION)
    at = [height for height, _ in stops]
    rows = np.stack([np.interp(heights, at, [colour[channel] for _, colour in stops]) for channel in range(3)], axis=-1)
    return np.repeat(rows[:, None], RESOLUTION, axis=1)


def _sprinkle(pixels: np.ndarray, rng: np.random.Generator, count: int, top: int, bottom: int, colours: list) -> None:
    rows, columns = rng.integers(top, bottom, count), rng.integers(0, RESOLUTION, count)
    pixels[rows, columns] = np.array(colours, float)[rng.integers(0, len(colours), count)]


def _hills(rng: np.random.Generator, height: float, swing: float) -> np.ndarray:
    """Mask (64, 64) of the pixels below a gentle random wave; ``height`` and ``swing`` in pixels."""
    columns = np.arange(RESOLUTION)
    waves, phase = rng.uniform(0.7, 1.3), rng.uniform(0, 2 * np.pi)
    crest = height + swing * np.sin(columns / RESOLUTION * 2 * np.pi * waves + phase)
    return np.arange(RESOLUTION)[:, None] > crest[None]


def _disc(pixels: np.ndarray, x: float, y: float, radius: float, colour: tuple[int, int, int]) -> None:
    rows, columns = np.mgrid[:RESOLUTION, :RESOLUTION]
    pixels[(rows - y) ** 2 + (columns - x) ** 2 < radius**2] = colour


def _night(rng: np.random.Generator) -> np.ndarray:
    pixels = _gradient((0, (10, 14, 44)), (1, (44, 52, 110)))
    _sprinkle(pixels, rng, 40, 0, RESOLUTION, [(255, 255, 255), (255, 240, 190), (190, 205, 255)])
    _disc(pixels, rng.uniform(50, 57), rng.uniform(7, 11), 5, (250, 244, 205))
    return pixels


def _sunset(rng: np.random.Generator) -> np.ndarray:
    pixels = _gradient((0, (92, 54, 130)), (0.4, (240, 100, 90)), (0.68, (255, 200, 95)), (1, (255, 200, 95)))
    _disc(pixels, rng.uniform(14, 50), 44, 8, (255, 240, 170))
    pixels[44:] = _gradient((0, (120, 60, 110)), (1, (60, 36, 90)))[44:]
    return pixels


def _beach(rng: np.random.Generator) -> np.ndarray:
    pixels = _gradient((0, (110, 190, 245)), (0.45, (205, 235, 252)), (1, (205, 235, 252)))
    horizon = int(rng.integers(24, 28))
    pixels[horizon:] = (38, 130, 190)
    pixels[_hills(rng, 41, 2)] = (240, 248, 250)
    pixels[_hills(rng, 43, 2)] = (240, 214, 150)
    return pixels


def _desert(rng: np.random.Generator) -> np.ndarray:
    pixels = _gradient((0, (130, 200, 235)), (0.6, (250, 232, 190)), (1, (250, 232, 190)))
    _disc(pixels, rng.uniform(6, 12), rng.uniform(7, 11), 5, (255, 235, 110))
    pixels[_hills(rng, 38, 4)] = (226, 160, 84)
    pixels[_hills(rng, 50, 4)] = (202, 126, 58)
    return pixels


def _snow(rng: np.random.Generator) -> np.ndarray:
    pixels = _gradient((0, (150, 180, 215)), (0.7, (215, 228, 242)), (1, (215, 228, 242)))
    pixels[_hills(rng, 44, 3)] = (248, 251, 255)
    _sprinkle(pixels, rng, 50, 0, 46, [(255, 255, 255)])
    return pixels


def _meadow(rng: np.random.Generator) -> np.ndarray:
    pixels = _gradient((0, (95, 175, 240)), (0.6, (200, 230, 250)), (1, (200, 230, 250)))
    pixels[_hills(rng, 36, 3)] = (112, 184, 72)
    pixels[_hills(rng, 48, 3)] = (84, 156, 58)
    _sprinkle(pixels, rng, 22, 46, RESOLUTION, [(255, 255, 255), (250, 215, 80), (240, 120, 160)])
    return pixels
