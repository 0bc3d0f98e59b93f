"""How images are drawn from a model: everything that is the same for all frames of a path."""

from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from whichway.analysis.errors import UserError, require_at_least, require_finite, require_known
from whichway.analysis.families.encoder import called_with
from whichway.analysis.vocabulary import SCHEDULERS
from whichway.miniature import MODEL, SAMPLING

SIDE_UNIT = 8  # pixels: diffusers takes heights and widths that are multiples of it


@dataclass(frozen=True)
class SamplingDefaults:
    """What a pipeline does where nobody says otherwise: :func:`pipeline_defaults`; sizes in pixels."""

    num_inference_steps: int
    guidance_scale: float
    height: int
    width: int


@dataclass(frozen=True)
class Sampling:
    """Named as diffusers' pipelines name them. None: the model's own (:func:`pipeline_defaults`).

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
            if side is not None and (side < SIDE_UNIT or side % SIDE_UNIT):
                raise UserError(f"{name}: wanted a positive multiple of {SIDE_UNIT} pixels, got {side}")
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


def pipeline_defaults(pipeline: Any) -> SamplingDefaults:
    """Steps, guidance and size with which the pipeline's own call samples where none are given.

    The embedded model says its own: diffusers' 50 steps and guidance 7.5 are those of Stable Diffusion 1.x.
    """
    height, width = _own_size(pipeline)
    call = {name: called_with(pipeline, name) for name in ("num_inference_steps", "guidance_scale")}
    return SamplingDefaults(
        **call | _of_the_miniature(pipeline),
        height=height,
        width=width,
    )


def _own_size(pipeline: Any) -> tuple[int, int]:
    """The size in the call's signature (Sana), else the one that the denoiser was trained at."""
    height, width = called_with(pipeline, "height"), called_with(pipeline, "width")
    if isinstance(height, int) and isinstance(width, int):
        return height, width
    denoiser = getattr(pipeline, "unet", None) or pipeline.transformer
    latents = getattr(pipeline, "default_sample_size", None) or denoiser.config.sample_size
    height, width = (latents, latents) if isinstance(latents, int) else latents
    return height * pipeline.vae_scale_factor, width * pipeline.vae_scale_factor


def _of_the_miniature(pipeline: Any) -> dict[str, Any]:
    return SAMPLING if Path(pipeline.config.get("_name_or_path") or "") == MODEL else {}
