"""What keeps the clouds of a geodesic near the encoder's own, so that it does not get short through nonsense.

A row may be anywhere between the two encoder's rows that it travels between, at any time: the penalty is how far it is
from the segment that joins them, in the metric of the encoder's rows (Mahalanobis). Displacement paths and the mixture
have none of it.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache

import numpy as np
import torch
from jaxtyping import Float
from sklearn.covariance import LedoitWolf
from torch import Tensor

from whichway.analysis.models.model import Model
from whichway.analysis.prompts.world_pairs import world_pairs

CAPTIONS, MOST_ROWS = 64, 4096


@dataclass(frozen=True, eq=False)
class EncoderPrior:
    """The metric of an encoder's rows.

    Attributes:
        whitening: A, (d, d): rows x of the encoder have A(x − mean) of covariance 1 (shrunk: Ledoit and Wolf 2004).
    """

    whitening: Float[Tensor, "d d"]

    @classmethod
    def of_rows(cls, rows: Float[Tensor, "n d"], *, seed: int = 0) -> "EncoderPrior":
        """From a sample of its rows."""
        chosen = np.random.default_rng(seed).permutation(len(rows))[:MOST_ROWS]
        covariance = LedoitWolf().fit(rows[chosen].double().numpy()).covariance_
        factor = torch.linalg.cholesky(torch.from_numpy(covariance))
        return cls(torch.linalg.solve_triangular(factor, torch.eye(len(factor), dtype=factor.dtype), upper=False))

    def excess(
        self,
        rows: Float[Tensor, "inner n d"],
        weights: Float[Tensor, "inner n"],
        start: Float[Tensor, "n d"],
        end: Float[Tensor, "n d"],
    ) -> Float[Tensor, " inner"]:
        """Σ_i w_i ‖A(x_i − s_i)‖²/d for each cloud, s_i the point nearest to x_i on the segment from start to end.

        1: on average as far from it as the encoder's rows are from their mean.
        """
        x, a, b = (rows_of @ self.whitening.T for rows_of in (rows, start, end))
        along = b - a
        share = ((x - a) * along).sum(dim=-1) / along.square().sum(dim=-1).clamp(min=1e-30)
        nearest = a + share.clamp(0, 1)[..., None] * along
        return (weights * (x - nearest).square().mean(dim=-1)).sum(dim=-1)


@cache
def plain_captions() -> tuple[str, ...]:
    """64 of plain English, of the miniature's world."""
    return tuple(pair.prompt_a for pair in world_pairs(CAPTIONS, tuning=True).pairs)


def encoder_priors(model: Model, captions: Sequence[str] = ()) -> dict[str, EncoderPrior]:
    """Encoder → its metric, from its rows for captions: :func:`plain_captions` by default."""
    encoded = model.encode(captions or plain_captions())
    return {
        name: EncoderPrior.of_rows(torch.cat([each.clouds[name].rows for each in encoded]))
        for name in model.family.clouds
    }
