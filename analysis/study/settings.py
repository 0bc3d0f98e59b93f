"""Everything that a study depends on besides its pairs."""

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any

from whichway.analysis.errors import MOST_FRAMES, UserError, require_at_least, require_between, require_known
from whichway.analysis.geodesics.settings import GeodesicSettings
from whichway.analysis.images.sampling import Sampling
from whichway.analysis.models.choice import ModelChoice
from whichway.analysis.paths.chosen_method import ChosenMethod, choose_method, chosen_pooled
from whichway.analysis.vocabulary import PERCEPTUAL_DISTANCE, PERCEPTUAL_DISTANCES, POOLED

MOST_SEEDS = 10_000  # of each pair
METHODS = (
    "identity",
    "random",
    "optimal",
    "optimal@cross-attention",
    "slerp",
    "spherical",
    "entropic",
    "partial",
    "unbalanced",
    "mixture",
    "aid-inner",
    "aid-outer",
)


@dataclass(frozen=True)
class StudySettings:
    """What every pair goes through.

    Attributes:
        seeds: number of initial noises for each pair: seeds of the noise and of the random coupling, from
            ``first_seed`` on.
        perceptual_distances: the first is the one that reports show.
        pooled: how a pooled vector moves, where a method's name does not say.
        sampling: its own seed is not used.

    Raises:
        UserError: a setting that makes no sense, with what would.
    """

    methods: tuple[str, ...] = METHODS
    frames: int = 7
    seeds: int = 2
    first_seed: int = 0
    perceptual_distances: tuple[str, ...] = (PERCEPTUAL_DISTANCE,)
    pooled: str = "auto"
    model: ModelChoice = ModelChoice()
    sampling: Sampling = Sampling()
    geodesic: GeodesicSettings = GeodesicSettings()

    def __post_init__(self) -> None:
        for name in ("methods", "perceptual_distances"):
            object.__setattr__(self, name, tuple(dict.fromkeys(getattr(self, name))))
            if not getattr(self, name):
                raise UserError(f"{name}: none given")
        for method in self.methods:
            choose_method(method)
        for distance in self.perceptual_distances:
            require_known("perceptual_distances", distance, PERCEPTUAL_DISTANCES)
        require_known("pooled", self.pooled, POOLED)
        require_between("frames", self.frames, 2, MOST_FRAMES)
        require_between("seeds", self.seeds, 1, MOST_SEEDS)
        require_at_least("first_seed", self.first_seed, 0)

    @classmethod
    def from_json(cls, content: Mapping[str, Any]) -> "StudySettings":
        """What ``dataclasses.asdict`` made, read back from a file."""
        return cls(
            **dict(content)
            | {
                "methods": tuple(content["methods"]),
                "perceptual_distances": tuple(content["perceptual_distances"]),
                "model": ModelChoice.from_json(content["model"]),
                "sampling": Sampling(**content["sampling"]),
                "geodesic": GeodesicSettings(**content.get("geodesic", {})),
            }
        )

    @property
    def identity(self) -> dict[str, Any]:
        """What must not change while a study is continued; how the model is held is said with the model itself."""
        sampling = {name: value for name, value in asdict(self.sampling).items() if name != "seed"}
        own = {name: value for name, value in asdict(self).items() if name not in ("model", "sampling", "pooled")}
        if not any(method.is_geodesic for method in self.chosen_methods.values()):
            del own["geodesic"]  # studies from before there was one go on
        return own | chosen_pooled(self.pooled) | {"model": self.model.name} | sampling

    @property
    def noise_seeds(self) -> tuple[int, ...]:
        return tuple(range(self.first_seed, self.first_seed + self.seeds))

    @property
    def chosen_methods(self) -> dict[str, ChosenMethod]:
        default = ChosenMethod("optimal", pooled=self.pooled)
        return {name: choose_method(name, default) for name in self.methods}
