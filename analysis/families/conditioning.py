"""What a text is to a model: one or more clouds, their masses, and vectors that are no rows."""

from collections.abc import Mapping
from dataclasses import dataclass, field

from jaxtyping import Float
from torch import Tensor

from whichway.geometry import PointCloud


@dataclass(frozen=True, eq=False)
class Conditioning:
    """Everything that a denoiser is told of one text.

    Attributes:
        clouds: encoder → its rows as a cloud; rows that the model does not see are left out.
        masses: encoder → mass of its cloud, in rows. Where text has a softmax of its own it cancels; where text and
            image share one (SD 3, Flux), it counts against the image. Default: one for each row.
        vectors: name → (d,), such as a pooled text.
        source: the text.
        ends: the conditionings of A and B, where this one's frame attends to theirs while it is made
            (:class:`whichway.analysis.images.attended_cloud.AttendedCloud`).
        negative: what guidance moves away from in this one's frame, where negative prompts walk a path of their own;
            None: the sampling's negative prompt.

    Raises:
        ValueError: no clouds, masses of other encoders than the clouds', or a mass that is not positive.
    """

    clouds: Mapping[str, PointCloud]
    masses: Mapping[str, float] = field(default_factory=dict)
    vectors: Mapping[str, Float[Tensor, " d"]] = field(default_factory=dict)
    source: str = ""
    ends: tuple["Conditioning", ...] = ()
    negative: "Conditioning | None" = None

    def __post_init__(self) -> None:
        if not self.clouds:
            raise ValueError("clouds: wanted at least one")
        masses = dict(self.masses) or {name: float(len(cloud)) for name, cloud in self.clouds.items()}
        if set(masses) != set(self.clouds) or not all(mass > 0 for mass in masses.values()):
            raise ValueError(f"masses: wanted a positive number for each of {', '.join(self.clouds)}, got {masses}")
        object.__setattr__(self, "masses", masses)

    @property
    def cloud(self) -> PointCloud:
        """The only cloud.

        Raises:
            ValueError: there are several.
        """
        if len(self.clouds) != 1:
            raise ValueError(f"this conditioning has {len(self.clouds)} clouds: {', '.join(self.clouds)}")
        return next(iter(self.clouds.values()))
