"""What is looked at in the explorer."""

from dataclasses import dataclass
from itertools import pairwise

from whichway.analysis.errors import UserError
from whichway.analysis.geodesics.settings import GeodesicSettings
from whichway.analysis.images.sampling import Sampling
from whichway.analysis.models.choice import ModelChoice
from whichway.analysis.runs.comparison_settings import ComparisonSettings
from whichway.analysis.vocabulary import DIFFERENTIABLE, PERCEPTUAL_DISTANCE
from whichway.geometry import uniform_times

MOST_METHODS = 2  # side by side


@dataclass(frozen=True)
class ExplorerSettings:
    """``frames`` are those of one leg, both its ends counted.

    Raises:
        UserError: fewer than two prompts, an empty one, no method or more than two, or what
            :class:`whichway.analysis.runs.comparison_settings.ComparisonSettings` does not take.
    """

    prompts: tuple[str, ...]
    methods: tuple[str, ...] = ("optimal",)
    ground: str = "euclidean"
    tokens: str = "all"
    parametrisation: str = "uniform"
    pooled: str = "auto"
    frames: int = 17
    geodesic_iterations: int = GeodesicSettings.iterations
    perceptual_distance: str = PERCEPTUAL_DISTANCE
    model: ModelChoice = ModelChoice()
    sampling: Sampling = Sampling()

    def __post_init__(self) -> None:
        if len(self.prompts) < 2:
            raise UserError(f"prompts: wanted two or more, got {len(self.prompts)}")
        for letter, prompt in zip("ABCDEFGHIJKLMNOPQRSTUVWXYZ", self.prompts, strict=False):
            if not prompt.strip():
                raise UserError(f"prompt {letter} is empty; say what its image should show")
        if not 1 <= len(self.methods) <= MOST_METHODS:
            raise UserError(f"methods: wanted one or two, side by side, got {len(self.methods)}")
        for name, method in self.legs[0].chosen_methods.items():  # which complains about the rest
            if method.is_geodesic and self.perceptual_distance not in DIFFERENTIABLE:
                raise UserError(
                    f"methods: {name!r} takes a perceptual distance with a gradient; {self.perceptual_distance} has "
                    f"none, wanted {' or '.join(DIFFERENTIABLE)}"
                )

    @property
    def legs(self) -> tuple[ComparisonSettings, ...]:
        """The comparison of each two prompts that follow each other."""
        return tuple(
            ComparisonSettings(
                a,
                b,
                methods=self.methods,
                ground=self.ground,
                tokens=self.tokens,
                parametrisation=self.parametrisation,
                pooled=self.pooled,
                frames=self.frames,
                perceptual_distance=self.perceptual_distance,
                model=self.model,
                sampling=self.sampling,
                geodesic=self.geodesic,
            )
            for a, b in pairwise(self.prompts)
        )

    @property
    def geodesic(self) -> GeodesicSettings:
        return GeodesicSettings(iterations=self.geodesic_iterations)

    @property
    def times(self) -> list[float]:
        """Evenly from 0 at the first prompt to 1 at the last: where the cursor may stand."""
        return uniform_times((self.frames - 1) * (len(self.prompts) - 1) + 1)
