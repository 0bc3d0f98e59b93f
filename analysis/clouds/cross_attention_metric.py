"""Model → ground metric: how different two rows are to the denoiser's cross-attention layers."""

import fnmatch
import hashlib
import os
from pathlib import Path
from typing import Any

import numpy as np
import torch

from whichway.analysis.errors import UserError
from whichway.analysis.files import written_whole
from whichway.analysis.finite import is_finite
from whichway.analysis.images.weighted_attention import cross_attention_layers
from whichway.analysis.models.model import Model
from whichway.geometry import CrossAttention

CACHE = "WHICHWAY_CACHE"  # environment variable: where factors are kept


def cross_attention_metric(model: Model, layers: str = "*") -> CrossAttention:
    """The pull-back of the Euclidean metric on keys and values, M = AᵀA, as :class:`geometry.CrossAttention`.

    M = Σ_l (W_K,lᵀ W_K,l / s_K + W_V,lᵀ W_V,l / s_V) over the chosen layers l, with s_K = Σ_l tr W_K,lᵀ W_K,l and s_V
    likewise, so that keys and values weigh the same; then tr M = 2. The factor A (d, d) is kept beside the model's hash
    in ``$WHICHWAY_CACHE`` (default: ``~/.cache/whichway``).

    Args:
        layers: names of cross-attention layers, as a pattern: "mid_block*", "*attentions.0*"; default all.

    Raises:
        UserError: the pattern names no layer (the names are listed), or a model without such a metric.
    """
    if reason := _reason_against(model):
        raise UserError(f"ground: {reason}; wanted euclidean or cosine")
    all_layers = cross_attention_layers(model.denoiser)
    chosen = [layer for name, layer in all_layers.items() if fnmatch.fnmatch(name, layers)]
    if not chosen:
        raise UserError(f"no cross-attention layer is called {layers!r}; there are: {', '.join(all_layers)}")
    path = _cache_folder() / f"{model.fingerprint[:16]}-{hashlib.sha256(layers.encode()).hexdigest()[:8]}.npy"
    width = chosen[0].to_k.in_features
    if (kept := _read_factor(path)) is not None and kept.shape == (width, width):
        return CrossAttention(kept)
    factor = _factor_of(chosen)
    with written_whole(path) as aside:
        np.save(aside, factor.numpy(), allow_pickle=False)
    return CrossAttention(factor)


def _read_factor(path: Path) -> torch.Tensor | None:
    """What was kept; None where nothing was, or it is damaged."""
    try:
        factor = torch.from_numpy(np.load(path, allow_pickle=False))
    except (OSError, ValueError, EOFError, TypeError):
        return None
    return factor if is_factor(factor) else None


def is_factor(tensor: torch.Tensor) -> bool:
    """Whether it can be the factor of a metric: a matrix of finite numbers."""
    return tensor.ndim == 2 and tensor.is_floating_point() and is_finite(tensor)


def has_cross_attention_metric(model: Model) -> bool:
    """Whether the model's keys and values are linear in rows, in every layer: only there is the metric constant."""
    return _reason_against(model) is None


def _reason_against(model: Model) -> str | None:
    family = model.family
    if family.text_keys != "alone":
        return (
            f"{family.name} has no cross-attention; its text and image attend to each other, and its rows change from "
            "layer to layer"
        )
    if any(getattr(model.denoiser, name, None) is not None for name in family.text_modules):
        return (
            f"{family.name} rewrites the rows ({', '.join(family.text_modules)}) before its cross-attention, so that "
            "its keys and values are not linear in them"
        )
    return None


def _factor_of(layers: list) -> torch.Tensor:
    """A with AᵀA = M, (d, d) float64: the square root of M's eigenvalues on its eigenvectors.

    Directions that no key and no value sees have eigenvalues of rounding's size, which are set to zero.
    """
    grams = []
    for projection in ("to_k", "to_v"):
        weights = [effective_weight(getattr(layer, projection)) for layer in layers]
        gram = torch.stack([weight.T @ weight for weight in weights]).sum(dim=0)
        grams.append(gram / gram.trace())
    values, vectors = torch.linalg.eigh(grams[0] + grams[1])
    values = torch.where(values > len(values) * torch.finfo(torch.float64).eps * values.max(), values, 0)
    return values.sqrt()[:, None] * vectors.T


@torch.inference_mode()
def effective_weight(projection: Any) -> torch.Tensor:
    """The matrix that a linear layer multiplies by, (out, in) float64 on the CPU: with active LoRAs, dequantized.

    It is read off the layer's answers to the unit vectors, since a layer with adapters is no single weight.
    """
    plain = type(projection) is torch.nn.Linear and not hasattr(projection, "_hf_hook")
    if plain:
        weight: torch.Tensor = projection.weight
        return weight.detach().double().cpu()
    like = next(projection.parameters())
    device = like.device if not like.is_meta else torch.device("cpu")
    dtype = like.dtype if like.dtype.is_floating_point else torch.float16
    units = torch.eye(projection.in_features, device=device, dtype=dtype)
    zero = torch.zeros_like(units[:1])
    answers: torch.Tensor = projection(units) - projection(zero)
    return answers.double().cpu().T


def _cache_folder() -> Path:
    return Path(os.environ.get(CACHE) or Path.home() / ".cache" / "whichway")
