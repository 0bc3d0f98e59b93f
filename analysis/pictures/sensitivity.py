"""A prompt's tokens, coloured by how much they move the image."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from jaxtyping import Float
from matplotlib import colormaps
from matplotlib.cm import ScalarMappable
from matplotlib.colors import LogNorm
from matplotlib.figure import Figure

from whichway.analysis.pictures.coupling import token_labels
from whichway.analysis.pictures.style import new_figure
from whichway.geometry import PointCloud

COLOURS = colormaps["YlOrRd"]
LINE = 10.0  # inches of tokens before the next line begins


@dataclass(frozen=True)
class TokenSensitivity:
    """How far the image moves when a token's row moves by 1, and the standard error of that."""

    label: str
    value: float
    error: float


def of_tokens(
    cloud: PointCloud, sensitivity: Float[np.ndarray, " n"], error: Float[np.ndarray, " n"]
) -> list[TokenSensitivity]:
    """The prompt's own tokens one by one, and the root mean square of its padding."""
    labels = token_labels(cloud)
    values, errors = sensitivity[: cloud.size].tolist(), error[: cloud.size].tolist()
    if len(labels) > cloud.size:
        padding = float(np.sqrt(np.mean(sensitivity[cloud.size :] ** 2)))
        values.append(padding)
        errors.append(float(np.mean(error[cloud.size :])))
    return [TokenSensitivity(*each) for each in zip(labels, values, errors, strict=True)]


def draw_sensitivity(
    prompts: Sequence[Sequence[TokenSensitivity]], distance: str, anisotropy: Sequence[float]
) -> Figure:
    """A block of text for each prompt, its tokens on their colour, with their numbers below; one scale, logarithmic.

    Args:
        distance: the perceptual distance by whose features the image's movement is measured.
        anisotropy: of each prompt's metric (:attr:`whichway.analysis.geodesics.pull_back.PullBack.anisotropy`).
    """
    values = [token.value for tokens in prompts for token in tokens if token.value > 0] or [1.0]
    norm = LogNorm(min(values), max(max(values), 1.001 * min(values)), clip=True)
    lines = [_in_lines(tokens) for tokens in prompts]
    count = sum(map(len, lines))
    figure = new_figure(LINE + 1.4, 0.62 * count + 0.42 * len(prompts) + 0.5)
    axis = figure.subplots()
    axis.set(xlim=(0, LINE), ylim=(0.62 * count + 0.42 * len(prompts), 0))
    axis.axis("off")
    y = 0.0
    for of_prompt, ratio in zip(lines, anisotropy, strict=True):
        axis.text(0, y + 0.28, f"largest stretch / mean stretch: {ratio:.0f}", fontsize=8, color="#555555")
        y += 0.42
        for line in of_prompt:
            x = 0.0
            for token in line:
                background = COLOURS(norm(token.value))
                ink = "white" if np.dot(background[:3], (0.299, 0.587, 0.114)) < 0.5 else "black"
                width = _width(token)
                axis.fill(
                    [x, x + width - 0.06, x + width - 0.06, x],
                    [y, y, y + 0.34, y + 0.34],
                    facecolor=background,
                    edgecolor="none",
                )
                centre: dict[str, Any] = {"x": x + (width - 0.06) / 2, "ha": "center", "va": "center"}
                axis.text(y=y + 0.17, s=token.label.replace("$", r"\$"), color=ink, fontsize=10, **centre)
                axis.text(
                    y=y + 0.45, s=f"{token.value:.2g} ± {token.error:.1g}", fontsize=6.5, color="#555555", **centre
                )
                x += width
            y += 0.62
    bar = figure.colorbar(ScalarMappable(norm, COLOURS), ax=axis, fraction=0.03, pad=0.01)
    bar.set_label(
        f"√ of the mean square change of the image,\nin features of {distance}, per unit of the row", fontsize=8
    )
    bar.ax.tick_params(labelsize=7)
    return figure


def _width(token: TokenSensitivity) -> float:
    return max(0.9, 0.105 * len(token.label) + 0.25)


def _in_lines(tokens: Sequence[TokenSensitivity]) -> list[list[TokenSensitivity]]:
    lines: list[list[TokenSensitivity]] = [[]]
    for token in tokens:
        if lines[-1] and sum(map(_width, lines[-1])) + _width(token) > LINE:
            lines.append([])
        lines[-1].append(token)
    return lines
