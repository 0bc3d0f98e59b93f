"""Prompt → cloud, for models whose conditioning is one cloud; all models: ``model.encode(prompts)``."""

from collections.abc import Iterator, Sequence

from whichway.analysis.families import TruncationWarning
from whichway.analysis.models.model import Model
from whichway.geometry import PointCloud

__all__ = ["TruncationWarning", "encode", "encode_all"]


def encode(model: Model, prompt: str) -> PointCloud:
    """The cloud of ``prompt``: ``model.encode([prompt])[0].cloud``.

    Warns with :class:`~whichway.analysis.families.encoding.TruncationWarning` when the prompt is too long.
    """
    [conditioning] = model.encode([prompt])
    return conditioning.cloud


def encode_all(model: Model, prompts: Sequence[str]) -> Iterator[PointCloud]:
    """As :func:`encode`, many prompts: read in batches, with one warning that counts those that are too long."""
    return (conditioning.cloud for conditioning in model.encode_each(prompts))
