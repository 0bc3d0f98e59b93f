"""What an inversion is of, and what it may cost."""

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any

from whichway.analysis.errors import MOST_ITERATIONS, UserError, require_between, require_finite, require_known
from whichway.analysis.images.sampling import Sampling
from whichway.analysis.models.choice import ModelChoice
from whichway.analysis.reading.photograph_prompt import require_no_photograph
from whichway.analysis.vocabulary import INVERSION_NOISES, PERCEPTUAL_DISTANCE, PERCEPTUAL_DISTANCES

MOST_STARTS = 1_000  # each is tried


@dataclass(frozen=True)
class InversionSettings:
    """How the conditioning of a photograph is looked for.

    Attributes:
        photograph: its file.
        prompts: from which to start, beside the empty one.
        nearest: how many captions to start from, those that score highest with the photograph.
        captions: among which these are; none: :func:`whichway.analysis.geodesics.encoder_prior.plain_captions`.
        trial: iterations of every start; the best one goes on.
        iterations: of the best start, after its trial.
        step: of one iteration of Adam, in standard deviations of the encoder's rows.
        pixels: weight of the mean absolute difference of pixels, beside the perceptual distance.
        penalty: weight of the rows' mean squared distance from the start's, in units of the encoder's covariance
            (:meth:`whichway.analysis.geodesics.encoder_prior.EncoderPrior.excess`); 0: none.
        perceptual_distance: one with a gradient.
        noise: where sampling starts from, :data:`whichway.analysis.vocabulary.INVERSION_NOISES`.

    Raises:
        UserError: a value that makes no sense, with what would.
    """

    photograph: str
    prompts: tuple[str, ...] = ()
    nearest: int = 2
    captions: tuple[str, ...] = ()
    trial: int = 8
    iterations: int = 60
    step: float = 0.2
    pixels: float = 1.0
    penalty: float = 0.005
    perceptual_distance: str = PERCEPTUAL_DISTANCE
    noise: str = "seed"
    model: ModelChoice = ModelChoice()
    sampling: Sampling = Sampling()

    def __post_init__(self) -> None:
        for prompt in self.prompts:
            require_no_photograph(prompt, "prompt to start from")
        require_between("nearest", self.nearest, 0, MOST_STARTS)
        require_between("trial", self.trial, 1, MOST_ITERATIONS)
        require_between("iterations", self.iterations, 0, MOST_ITERATIONS)
        for name in ("step", "pixels", "penalty"):
            require_finite(name, getattr(self, name), 0)
        if not self.step:
            raise UserError("step: wanted a number above 0, got 0")
        require_known("perceptual_distance", self.perceptual_distance, PERCEPTUAL_DISTANCES)
        require_known("noise", self.noise, INVERSION_NOISES)

    @property
    def identity(self) -> Mapping[str, Any]:
        """What an inversion's folder holds the inversion of, besides photograph and model."""
        own = {name: value for name, value in asdict(self).items() if name not in ("photograph", "model", "sampling")}
        return own | asdict(self.sampling)
