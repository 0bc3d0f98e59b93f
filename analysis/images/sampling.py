"""How images are drawn from a model: everything that is the same for all frames of a path."""

from dataclasses import asdict, dataclass

from whichway.analysis.errors import UserError, require_at_least, require_finite, require_known, shortened
from whichway.analysis.vocabulary import SCHEDULERS

SIDE_UNIT = 8  # pixels: diffusers takes heights and widths that are multiples of it
LONGEST_SIDE = 16384  # pixels: four times what any model was trained for; beyond, memory or a night run out


@dataclass(frozen=True)
class SamplingDefaults:
    """What a pipeline does by itself (:mod:`whichway.analysis.images.pipeline_defaults`); sizes in pixels."""

    num_inference_steps: int
    guidance_scale: float
    height: int
    width: int


@dataclass(frozen=True)
class Sampling:
    """Named as diffusers' pipelines name them. None: the model's (:mod:`whichway.analysis.images.pipeline_defaults`).

    Attributes:
        seed: of the noise: what sampling starts from, and what a scheduler adds in each step.
        num_inference_steps: sampling steps for each image.
        guidance_scale: classifier-free guidance; 1 or less: none.
        negative_prompt: what guidance moves away from; None: what the pipeline takes when it is given none, which is
            the empty text for most, zeros for SDXL, and no such guidance at all for Flux.
        height, width: in pixels.
        scheduler: "own" (the model's), or another with the same noise schedule
            (:data:`whichway.analysis.vocabulary.SCHEDULERS`).
        true_cfg_scale: classifier-free guidance of models whose ``guidance_scale`` is an input (Flux): above 1 and with
            a negative prompt, each step takes a second pass. Other models have none.

    Raises:
        UserError: a value that makes no sense, with what would.
    """

    seed: int = 0
    num_inference_steps: int | None = None
    guidance_scale: float | None = None
    negative_prompt: str | None = None
    height: int | None = None
    width: int | None = None
    scheduler: str = "own"
    true_cfg_scale: float = 1.0

    def __post_init__(self) -> None:
        require_at_least("seed", self.seed, 0)
        if self.num_inference_steps is not None:
            require_at_least("num_inference_steps", self.num_inference_steps, 1)
        if self.guidance_scale is not None:
            require_finite("guidance_scale", self.guidance_scale, 0)
        require_finite("true_cfg_scale", self.true_cfg_scale, 0)
        for name in ("height", "width"):
            side = getattr(self, name)
            if side is not None and (side % SIDE_UNIT or not SIDE_UNIT <= side <= LONGEST_SIDE):
                raise UserError(
                    f"{name}: wanted a multiple of {SIDE_UNIT} pixels, {LONGEST_SIDE} at most, got {shortened(side)}"
                )
        require_known("scheduler", self.scheduler, SCHEDULERS)

    def resolved(self, defaults: SamplingDefaults) -> "ResolvedSampling":
        """The same with the model's own values where this says None; of a resolved sampling: itself."""
        left_open = {name: own for name, own in asdict(defaults).items() if getattr(self, name) is None}
        return ResolvedSampling(**asdict(self) | left_open)


@dataclass(frozen=True, kw_only=True)
class ResolvedSampling(Sampling):
    """A sampling that leaves nothing to the model: what frames are rendered with, and what records keep."""

    num_inference_steps: int
    guidance_scale: float
    height: int
    width: int
