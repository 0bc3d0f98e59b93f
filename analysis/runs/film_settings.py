"""Everything that a film depends on."""

import math
from dataclasses import asdict, dataclass
from itertools import pairwise
from typing import Any

from whichway.analysis.errors import MOST_FRAMES, UserError, require_at_least, require_known
from whichway.analysis.images.guidance import walking_negative
from whichway.analysis.images.sampling import Sampling
from whichway.analysis.models.choice import ModelChoice
from whichway.analysis.paths.chosen_method import GENERAL_CHOICES, ChosenMethod, choose_method, chosen_pooled
from whichway.analysis.paths.conditioning_path import ATTENDING
from whichway.analysis.vocabulary import INTERPOLATIONS, PERCEPTUAL_DISTANCE, PERCEPTUAL_DISTANCES
from whichway.geometry import find_method

FRAMES = 25  # where neither their number nor times are given


@dataclass(frozen=True)
class FilmSettings:
    """Keyframes are prompts, perhaps each with noise of its own. ``sampling.seed`` is also that of the random coupling.

    Attributes:
        prompts: two or more; or one with several seeds: its noise travels alone.
        seeds: of the noise, one for each prompt; none: all frames have the sampling's.
        at: of each prompt, in seconds; of a loop one more, when it is back at the first. None given: the frames are
            shared among the legs, by their perceptual length where the parametrisation is perceptual, else evenly.
        loop: from the last prompt back to the first; the film has no first frame twice.
        interpolation: :data:`whichway.analysis.vocabulary.INTERPOLATIONS`.
        frames: images of the film, there and not back; None: 25, or as many as ``at`` and ``fps`` make.
        ease: slow out of each prompt and slow into the next.
        separate: measure also the path of the text alone and that of the noise alone.
        fps: frames a second.
        ping_pong: there and back again.
        negative_prompt_end: the negative prompt of the last prompt, to which the sampling's walks; None: it stays.

    Raises:
        UserError: a setting that makes no sense, with what would.
    """

    prompts: tuple[str, ...]
    method: str = "optimal"
    seeds: tuple[int, ...] = ()
    at: tuple[float, ...] = ()
    loop: bool = False
    interpolation: str = "linear"
    ground: str = "euclidean"
    tokens: str = "all"
    parametrisation: str = "perceptual"
    pooled: str = "auto"
    frames: int | None = None
    ease: bool = False
    separate: bool = False
    fps: float = 12.0
    ping_pong: bool = False
    perceptual_distance: str = PERCEPTUAL_DISTANCE
    model: ModelChoice = ModelChoice()
    sampling: Sampling = Sampling()
    negative_prompt_end: str | None = None

    def __post_init__(self) -> None:
        others = {"perceptual_distance": PERCEPTUAL_DISTANCES, "interpolation": INTERPOLATIONS}
        for setting, choices in {**GENERAL_CHOICES, **others}.items():
            require_known(setting, getattr(self, setting), choices)
        chosen = choose_method(self.method)
        if chosen.is_geodesic:
            raise UserError(f"method {self.method!r} takes minutes to find, for a film too; 'whichway compare' has it")
        method = find_method(chosen.method)
        self._require_keyframes()
        self._require_times()
        frames = self.at[-1] * self.fps if self.at else self.frames
        if frames is not None and frames > MOST_FRAMES:
            raise UserError(f"frames: wanted {MOST_FRAMES:,} at most, got {frames:,.0f}")
        if self.loop and self.ping_pong:
            raise UserError("ping_pong: a loop is back at its beginning already; leave out one of them")
        if self.loop and self.negative_prompt_end is not None:
            raise UserError("negative_prompt_end: a loop is back at its first prompt, and so at its negative one")
        if self.seeds and method.path in ATTENDING:
            raise UserError(f"seeds: frames of {self.method!r} attend to those of both ends; choose another method")
        if self.separate and not (self.seeds and len(set(self.prompts)) > 1):
            raise UserError("separate: wanted different prompts and seeds, so that text and noise both move")
        if self.interpolation == "spline" and (method.path != "displacement" or method.coupling is None):
            raise UserError(
                f"method {self.method!r} with a spline: wanted one whose rows move straight, such as optimal"
            )

    def _require_keyframes(self) -> None:
        if len(self.prompts) == 1 and len(self.seeds) > 1:
            object.__setattr__(self, "prompts", self.prompts * len(self.seeds))
        if len(self.prompts) < 2:
            raise UserError(f"prompts: wanted two or more, or one with two or more seeds, got {len(self.prompts)}")
        if self.seeds and len(self.seeds) != len(self.prompts):
            raise UserError(f"seeds: wanted {len(self.prompts)}, one for each prompt, got {len(self.seeds)}")
        for seed in self.seeds:
            require_at_least("seeds", seed, 0)

    def _require_times(self) -> None:
        if not self.at:
            least = self.legs + (not self.loop)
            if self.frames is not None and self.frames < least:
                raise UserError(f"frames: wanted at least {least}, one for each prompt, got {self.frames}")
            return
        if self.frames is not None:
            raise UserError("frames: their number follows from at and fps; leave out one of them")
        times = ", ".join(f"{time:g}" for time in self.at)
        if len(self.at) != self.legs + 1:
            back = " and one for the way back" if self.loop else ""
            raise UserError(f"at: wanted {self.legs + 1} times, one for each prompt{back}, got {len(self.at)}: {times}")
        if self.at[0] != 0 or not all(before < after < math.inf for before, after in pairwise(self.at)):
            raise UserError(f"at: wanted 0, where the film begins, and then increasing times in seconds, got {times}")

    @property
    def legs(self) -> int:
        """From a prompt to the next one."""
        return len(self.prompts) - (not self.loop)

    @property
    def keyframe_seeds(self) -> tuple[int, ...]:
        """At the beginning of each leg and at the end of the last one."""
        return (self.seeds + self.seeds[: int(self.loop)]) if self.seeds else ()

    @property
    def keyframe_times(self) -> tuple[float, ...]:
        """At the same places; what a spline is made with. Only their ratios count."""
        return self.at or tuple(float(leg) for leg in range(self.legs + 1))

    @property
    def chosen_method(self) -> ChosenMethod:
        """With the settings' own choices where the method's name does not say."""
        default = ChosenMethod("optimal", self.ground, self.tokens, self.parametrisation, self.pooled)
        return choose_method(self.method, default)

    @property
    def identity(self) -> dict[str, Any]:
        """What a run's folder is a run of, besides its model: the rest only chooses among its frames, or measures."""
        negative_end = walking_negative(self.negative_prompt_end)
        keyframes: dict[str, Any] = {"prompts": self.prompts, "seeds": self.seeds, "loop": self.loop}
        joined: dict[str, Any] = {
            "interpolation": self.interpolation,
            "ground": self.ground,
            "tokens": self.tokens,
        }
        if self.interpolation == "spline":
            joined |= {"at": self.keyframe_times}
        return keyframes | joined | asdict(self.sampling) | chosen_pooled(self.pooled) | negative_end

    @property
    def negatives(self) -> tuple[str | None, ...]:
        """Of both ends; none where the negative prompt stays."""
        return () if self.negative_prompt_end is None else (self.sampling.negative_prompt, self.negative_prompt_end)
