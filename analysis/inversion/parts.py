"""The parts of a conditioning as numbers that move: all rows of its clouds, and its vectors, in whitened coordinates.

A row is x = s + L z, s the starting prompt's, L Lᵀ the covariance of the encoder's rows (shrunk): a step of one size in
z is as large in every direction as the encoder's rows are spread there, and mean z² is how far the prior of the
geodesics (:mod:`whichway.analysis.geodesics.encoder_prior`) says that x has gone.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

import torch
from jaxtyping import Float
from torch import Tensor

from whichway.analysis.families import Conditioning
from whichway.analysis.geodesics.encoder_prior import EncoderPrior

Offsets = dict[str, Float[Tensor, "n d"]]  # part → z
MOVED = "\N{PRIME}"  # behind the token of a row that is no longer the encoder's


@dataclass(frozen=True, eq=False)
class PartsPrior:
    """The encoder's statistics, of each part.

    Attributes:
        of_part: cloud or vector → its metric.
        colouring: the same → L, (d, d) float64.
    """

    of_part: Mapping[str, EncoderPrior]
    colouring: Mapping[str, Float[Tensor, "d d"]]

    @classmethod
    def of_captions(cls, encoded: Sequence[Conditioning]) -> "PartsPrior":
        """From the conditionings of a sample of captions."""
        rows = {name: torch.cat([each.clouds[name].rows for each in encoded]) for name in encoded[0].clouds} | {
            name: torch.stack([each.vectors[name] for each in encoded]) for name in encoded[0].vectors
        }
        priors = {name: EncoderPrior.of_rows(of_part) for name, of_part in rows.items()}
        return cls(priors, {name: torch.linalg.inv(prior.whitening) for name, prior in priors.items()})

    def excess(self, start: Conditioning, moved: Conditioning) -> Tensor:
        """Mean over the parts of the mean squared distance of their rows from the start's, in the prior's metric."""
        values = []
        for name, prior in self.of_part.items():
            if name in start.clouds:
                origin, weights, rows = start.clouds[name].rows, start.clouds[name].weights, moved.clouds[name].rows
            else:
                origin, rows = start.vectors[name][None], moved.vectors[name][None]
                weights = torch.ones(1)
            origin = origin.double()
            values.append(prior.excess(rows.double()[None], weights.double()[None], origin, origin)[0])
        return torch.stack(values).mean()

    def move(self, start: Conditioning, offsets: Offsets) -> Conditioning:
        """The conditioning at these offsets, float32; weights and masses stay."""
        rows = {name: (offset.double() @ self.colouring[name].T).float() for name, offset in offsets.items()}
        clouds = {
            name: replace(
                cloud,
                rows=cloud.rows + rows[name],
                labels=tuple(label + MOVED for label in cloud.labels),
                source="",
            )
            for name, cloud in start.clouds.items()
        }
        vectors = {name: vector + rows[name][0] for name, vector in start.vectors.items()}
        return Conditioning(clouds, start.masses, vectors)


def no_offsets(start: Conditioning) -> Offsets:
    """Zeros: the start itself."""
    offsets = {name: torch.zeros_like(cloud.rows, dtype=torch.float32) for name, cloud in start.clouds.items()}
    return offsets | {name: torch.zeros(1, len(vector)) for name, vector in start.vectors.items()}
