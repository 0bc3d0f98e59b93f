"""Conditioning → image: the frozen diffusion model through its pipeline's own call, the same noise for every frame."""

from collections.abc import Callable, Iterator, Sequence
from functools import partial

import numpy as np
import torch
from torch import Tensor

from whichway.analysis.families import Conditioning
from whichway.analysis.images.batch import Batch
from whichway.analysis.images.batch_size import fitting_batch_size
from whichway.analysis.images.batches import in_fitting_batches
from whichway.analysis.images.grouping import in_groups, number_of_rows
from whichway.analysis.images.rendering_model import Images, Picture, Renderable, RenderingModel
from whichway.analysis.images.sampling import Sampling
from whichway.analysis.images.schedulers import require_schedulable

BESIDE_ATTENDED = 2  # frames: both ends of a path are rendered in each batch that attends to them


def render(
    model: RenderingModel,
    conditionings: Sequence[Renderable],
    sampling: Sampling = Sampling(),
    *,
    batch_size: int | None = None,
    on_frame: Callable[[], object] = lambda: None,
) -> Images:
    """Images of conditionings or clouds, (frames, height, width, 3) uint8; ``on_frame`` is called after each one."""
    frames = []
    for image in render_each(model, conditionings, sampling, batch_size=batch_size):
        frames.append(image)
        on_frame()
    return np.stack(frames)


@torch.inference_mode()
def render_each(
    model: RenderingModel,
    conditionings: Sequence[Renderable],
    sampling: Sampling,
    *,
    batch_size: int | None = None,
    on_step: Callable[[], object] = lambda: None,
    on_progress: Callable[[float], object] = lambda frames: None,
    on_latents: Callable[[Tensor], object] = lambda latents: None,
) -> Iterator[Picture]:
    """The images one by one, rendered in batches; the model is locked for each batch.

    Clouds of any size and weights: where they differ, log-weights on the attention logits tell the model
    (:mod:`whichway.analysis.images.weighted_attention`). Clouds whose frames attend to those at both ends of their path
    (:mod:`whichway.analysis.images.attention_interpolation`) are rendered together with these.

    Where a batch holds three frames or four, the sums in them may be added up in another order. On a CPU a frame is
    therefore the same whatever is rendered with it: all batches have one size, the last one filled up by repetition,
    and in each of them clouds have the same sizes (``docs/determinism.md``).

    Args:
        batch_size: frames rendered together, at most, the ends that they attend to included, and not filled up; None:
            :func:`~whichway.analysis.images.batch_size.fitting_batch_size`. Where memory runs out, half as many, and no
            more for frames of that kind later.
        on_step: called after each sampling step of a batch; what it raises ends the rendering there.
        on_progress: called after each sampling step with how far that was, in frames: of a batch of 16 and 20 steps,
            0.8 frames.
        on_latents: called after each sampling step with the latents of the frames of the batch, as the scheduler
            expects them at the end (:mod:`whichway.analysis.images.small_decoder` shows them).

    Raises:
        UserError: conditionings of another family, or of another width; guidance that the family does not have; a
            single image that does not fit in memory.
    """
    own = sampling.resolved(model.defaults)
    require_schedulable(model.pipeline, own.num_inference_steps)
    independent = batch_size is None and model.device.type == "cpu"
    groups = [*in_groups(model, conditionings, exactly=independent)]
    largest = batch_size or fitting_batch_size(model, own)
    batch = Batch(model, own, on_step, on_progress, on_latents)
    model.free_text_encoders()
    limits = model.batch_limits

    def rendered(some: Sequence[Conditioning], ends: tuple | None, most: int, key: object) -> Images:
        size = min(most, limits.get(key, most)) if independent else len(some)
        pictures: Images = batch.render([*some, *[some[-1]] * (size - len(some))], ends, len(some))[: len(some)]
        return pictures

    for together, ends in groups:
        size = max(map(number_of_rows, together)).bit_length()
        extra = 0 if ends is None else BESIDE_ATTENDED
        most = max(1, largest - extra)
        key = (own.height, own.width, batch.negative is None, max(size, batch.negative_size), extra)
        yield from in_fitting_batches(
            together,
            partial(rendered, ends=ends, most=most, key=key),
            largest=most,
            limits=limits,
            key=key,
            what=f"one image of {own.height} × {own.width} pixels of model {model.name!r}"
            + (", with the two images that it attends to," if extra else ""),
        )
