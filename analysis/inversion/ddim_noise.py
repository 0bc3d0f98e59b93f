"""The noise from which a photograph is sampled: DDIM run backwards (Song et al. 2020, arXiv:2010.02502, section 4.3).

The pipeline's own call samples with diffusers' ``DDIMInverseScheduler`` in place of its scheduler, from the latents of
the photograph, without guidance, with which it does not run backwards (Mokady et al. 2022, arXiv:2211.09794).
"""

from dataclasses import replace

import torch
from jaxtyping import Float
from torch import Tensor

from whichway.analysis.errors import UserError
from whichway.analysis.families import Conditioning
from whichway.analysis.finite import require_finite_numbers
from whichway.analysis.images.latents import scale_latents
from whichway.analysis.images.pipeline_call import arguments_of_call
from whichway.analysis.images.sampling import Sampling
from whichway.analysis.images.text_arguments import text_arguments
from whichway.analysis.images.undisturbed import undisturbed
from whichway.analysis.models.model import Model

WITHOUT_GUIDANCE = 1.0


def require_ddim(model: Model, sampling: Sampling) -> None:
    """Whether the model's noise can be found so.

    Raises:
        UserError: a model of another schedule, or a sampling with another scheduler.
    """
    own = type(model.pipeline.scheduler).__name__
    if sampling.scheduler != "ddim" and not (sampling.scheduler == "own" and own == "DDIMScheduler"):
        scheduler = own if sampling.scheduler == "own" else sampling.scheduler
        raise UserError(
            f"noise: ddim runs DDIM backwards, and images are sampled with {scheduler}; wanted --scheduler ddim, or "
            "--noise seed"
        )
    if model.family.guidance == "apart" or not hasattr(model.pipeline, "unet"):
        raise UserError(
            f"noise: ddim is for Stable Diffusion 1, 2 and XL, got {model.family.name}; wanted --noise seed"
        )


@torch.inference_mode()
def invert_noise(
    model: Model, latents: Float[Tensor, "1 c h w"], conditioning: Conditioning, sampling: Sampling
) -> Float[Tensor, "1 c h w"]:
    """What sampling has to start from for these latents, float32 on the CPU.

    Args:
        latents: of the photograph, as the autoencoder writes them.
        conditioning: of a text that describes it, or of the empty one.

    Raises:
        UserError: as :func:`require_ddim`; numbers that are not finite.
    """
    from diffusers import DDIMInverseScheduler

    require_ddim(model, sampling)
    pipeline = model.pipeline
    own = replace(sampling.resolved(model.defaults), guidance_scale=WITHOUT_GUIDANCE)
    text = text_arguments(model.family, [conditioning], [], device=pipeline._execution_device, dtype=model.dtype)
    arguments = arguments_of_call(pipeline, text, own, arguments=model.call_arguments)
    scaled = scale_latents(pipeline.vae, latents)
    with model.lock, undisturbed(pipeline):
        forwards = pipeline.scheduler
        pipeline.scheduler = DDIMInverseScheduler.from_config(forwards.config)
        try:
            result = pipeline(
                **arguments, latents=scaled.to(pipeline._execution_device, model.dtype), output_type="latent"
            )
        finally:
            pipeline.scheduler = forwards
    noise: Tensor = result.images.float().cpu()
    require_finite_numbers(noise, f"model {model.name!r}: the noise from DDIM run backwards")
    return noise.clone()
