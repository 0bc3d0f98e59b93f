"""Everything that a comparison of methods between two prompts depends on."""

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any

from whichway.analysis.errors import MOST_FRAMES, UserError, require_between, require_known
from whichway.analysis.geodesics.settings import GeodesicSettings
from whichway.analysis.images.guidance import walking_negative
from whichway.analysis.images.sampling import Sampling
from whichway.analysis.models.choice import ModelChoice
from whichway.analysis.paths.chosen_method import GENERAL_CHOICES, ChosenMethod, choose_method, chosen_pooled
from whichway.analysis.vocabulary import FEWEST_FOR_UMAP, PERCEPTUAL_DISTANCE, PERCEPTUAL_DISTANCES, PROJECTIONS
from whichway.geometry import METHODS

#: setting → what it may be
KNOWN: Mapping[str, Mapping[str, str]] = {
    **GENERAL_CHOICES,
    "perceptual_distance": PERCEPTUAL_DISTANCES,
    "projection": PROJECTIONS,
}


@dataclass(frozen=True)
class ComparisonSettings:
    """``sampling.seed`` is also that of the random coupling.

    Attributes:
        negative_prompt_end: the negative prompt of B, to which the sampling's walks by every method; None: it stays.

    Raises:
        UserError: a setting that makes no sense, with what would.
    """

    prompt_a: str
    prompt_b: str
    methods: tuple[str, ...] = ("identity", "random", "optimal", "slerp")
    ground: str = "euclidean"
    tokens: str = "all"
    parametrisation: str = "uniform"
    pooled: str = "auto"
    frames: int = 9
    perceptual_distance: str = PERCEPTUAL_DISTANCE
    projection: str = "pca"
    model: ModelChoice = ModelChoice()
    sampling: Sampling = Sampling()
    geodesic: GeodesicSettings = GeodesicSettings()
    negative_prompt_end: str | None = None

    def __post_init__(self) -> None:
        object.__setattr__(self, "methods", tuple(dict.fromkeys(self.methods)))
        if not self.methods:
            raise UserError(f"methods: none given; known: {', '.join(METHODS)}, or coupling+path")
        for setting, known in KNOWN.items():
            require_known(setting, getattr(self, setting), known)
        for name in self.methods:
            choose_method(name)
        require_between("frames", self.frames, 2, MOST_FRAMES)
        clouds = self.frames * len(self.methods)
        if self.projection == "umap" and clouds < FEWEST_FOR_UMAP:
            raise UserError(
                f"projection: umap needs {FEWEST_FOR_UMAP} clouds, got {clouds}; wanted pca or mds, or more frames"
            )
        geodesics = [name for name, method in self.chosen_methods.items() if method.is_geodesic]
        if geodesics and self.negative_prompt_end is not None:
            raise UserError(
                f"negative_prompt_end: {geodesics[0]!r} is looked for under one negative prompt; leave it out"
            )

    @classmethod
    def from_json(cls, content: Mapping[str, Any]) -> "ComparisonSettings":
        """What ``dataclasses.asdict`` made, read back from a file.

        Raises:
            TypeError, KeyError: settings of other names.
            UserError: as the constructor.
        """
        return cls(
            **dict(content)
            | {
                "methods": tuple(content["methods"]),
                "model": ModelChoice.from_json(content["model"]),
                "sampling": Sampling(**content["sampling"]),
                "geodesic": GeodesicSettings(**content.get("geodesic", {})),
            }
        )

    @property
    def chosen_methods(self) -> dict[str, ChosenMethod]:
        """By name, with the settings' own choices where a name does not say."""
        default = ChosenMethod("optimal", self.ground, self.tokens, self.parametrisation, self.pooled)
        return {name: choose_method(name, default) for name in self.methods}

    @property
    def prompts(self) -> dict[str, str]:
        return {"prompt_a": self.prompt_a, "prompt_b": self.prompt_b}

    @property
    def identity(self) -> dict[str, Any]:
        """What a run's folder is a run of, besides its model: the rest only chooses among its frames, or measures."""
        matching = {"ground": self.ground, "tokens": self.tokens} | chosen_pooled(self.pooled)
        return self.prompts | asdict(self.sampling) | matching | walking_negative(self.negative_prompt_end)

    @property
    def negatives(self) -> tuple[str | None, ...]:
        """Of both ends; none where the negative prompt stays."""
        return () if self.negative_prompt_end is None else (self.sampling.negative_prompt, self.negative_prompt_end)
