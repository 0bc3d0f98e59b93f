"""How many frames are rendered together: as many as get cheaper by it, and fit in memory."""

import psutil
import torch

from whichway.analysis.errors import UserError
from whichway.analysis.images.rendering_model import RenderingModel
from whichway.analysis.images.sampling import ResolvedSampling, Sampling

LARGEST_BATCH, LARGEST_BATCH_ON_GPU = 4, 64  # beyond which a frame gets hardly cheaper
PIXELS_TOGETHER = 2**16  # of a batch on a CPU: larger images get no cheaper by being rendered together


def fitting_batch_size(model: RenderingModel, sampling: Sampling = Sampling()) -> int:
    """How many frames to try together: as many as fit half of the free memory, 64 at most, and 4 on a CPU.

    On a CPU four small images, and one large one, whatever is to be rendered: frames depend on it in their last digits
    (:func:`whichway.analysis.images.rendering.render_each`). A GPU says when its memory is full; a CPU's operating
    system ends the process.

    Raises:
        UserError: on a CPU, a single image needs more than twice the memory that is free.
    """
    own = sampling.resolved(model.defaults)
    free, frame = free_bytes(model.device), bytes_of_a_frame(model, own)
    if model.device.type == "cuda":
        return max(1, min(LARGEST_BATCH_ON_GPU, free // 2 // frame))
    if frame > 2 * free:
        raise UserError(
            f"one image of {own.height} × {own.width} pixels takes about {frame / 2**30:.0f} GiB of memory, and "
            f"{free / 2**30:.0f} GiB is free; wanted a smaller --height and --width"
        )
    return max(1, min(LARGEST_BATCH, PIXELS_TOGETHER // (own.height * own.width), free // 2 // frame))


def bytes_of_a_frame(model: RenderingModel, sampling: ResolvedSampling) -> int:
    """What rendering it takes, about: four maps of the decoder's widest layer."""
    config = model.pipeline.vae.config
    channels = config.get("block_out_channels") or config["decoder_block_out_channels"]
    size: int = 4 * sampling.height * sampling.width * max(channels[:2]) * model.dtype.itemsize
    return size


def free_bytes(device: torch.device) -> int:
    """Of the device's memory, what nobody uses now."""
    if device.type == "cuda":
        return torch.cuda.mem_get_info(device)[0]
    return int(psutil.virtual_memory().available)
