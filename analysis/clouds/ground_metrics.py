"""Ground metrics by name (:data:`whichway.analysis.vocabulary.GROUNDS`), and a model's own on disk."""

from pathlib import Path

from safetensors import SafetensorError, safe_open

from whichway.analysis.clouds.cross_attention_metric import cross_attention_metric, is_factor
from whichway.analysis.errors import UserError
from whichway.analysis.files import write_safetensors
from whichway.analysis.models.model import Model
from whichway.geometry import EUCLIDEAN, Cosine, CrossAttention, GroundMetric


def find_ground(name: str, model: Model | None = None) -> GroundMetric:
    """The ground metric called ``name``; cross-attention is that of ``model``.

    Raises:
        UserError: cross-attention without a model.
    """
    if name == "cross-attention":
        if model is None:
            raise UserError("ground: cross-attention is a metric of the model, and there is none here")
        return cross_attention_metric(model)
    return Cosine() if name == "cosine" else EUCLIDEAN


def write_cross_attention(path: Path, model: Model) -> None:
    """The factor of the model's own metric, for those who come without the model.

    Raises:
        UserError: a model without such a metric.
    """
    write_safetensors(path, {"factor": cross_attention_metric(model).factor.contiguous()}, {"name": "cross-attention"})


def read_cross_attention(path: Path) -> CrossAttention:
    """What :func:`write_cross_attention` wrote.

    Raises:
        UserError: no such file, or a damaged one.
    """
    try:
        with safe_open(path, framework="pt") as file:
            factor = file.get_tensor("factor")
        if not is_factor(factor):
            raise ValueError(f"a factor of shape {tuple(factor.shape)} and {factor.dtype}, or not finite")
        return CrossAttention(factor)
    except (OSError, SafetensorError, ValueError) as error:
        raise UserError(
            f"{str(path.parent)!r} lacks the cross-attention metric, or has a damaged one; run the command again"
        ) from error
