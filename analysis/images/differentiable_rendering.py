"""Conditioning → image with gradients: the render map, through all sampling steps, as a differentiable function.

The sampler is the pipeline's own call, as in :mod:`whichway.analysis.images.rendering`, without the ``torch.no_grad``
that diffusers puts around it: the same images, to rounding. Where the activations of all sampling steps do not fit the
memory, each call of the denoiser, and the decoder, is checkpointed (Chen et al. 2016, arXiv:1604.06174): between
forward and backward pass only latents are kept, so that memory is that of one call of the denoiser, whatever the number
of sampling steps, for one more forward pass in time.
"""

import inspect
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager, nullcontext
from typing import Any

import torch
from jaxtyping import Float
from torch import Tensor
from torch.utils.checkpoint import checkpoint

from whichway.analysis.errors import UserError
from whichway.analysis.images.batch import Batch, LayerChange
from whichway.analysis.images.batch_size import LARGEST_BATCH, bytes_of_a_frame, free_bytes
from whichway.analysis.images.batches import is_out_of_memory
from whichway.analysis.images.grouping import in_groups
from whichway.analysis.images.precision import without_tf32
from whichway.analysis.images.rendering_model import Renderable, RenderingModel
from whichway.analysis.images.sampling import ResolvedSampling, Sampling

FRAME_COST = 4  # a frame with gradients takes about so many times the memory of one without, for each call kept
USED = 1 / 4  # of the free memory, at most: the estimate is a rough one, and other processes may be about to start


def render_differentiably(
    model: RenderingModel,
    conditionings: Sequence[Renderable],
    sampling: Sampling = Sampling(),
    *,
    batch_size: int | None = None,
    checkpointed: bool | None = None,
    on_step: Callable[[], object] = lambda: None,
) -> Float[Tensor, "frames 3 height width"]:
    """Images with values in [0, 1] and a gradient with respect to the clouds' rows and weights, where these want one.

    Rows enter as they are, weights as log-weights on the attention logits. The model's own parameters get no gradient.
    ``backward()`` may come at any time later: what the layers do otherwise meanwhile is done again for it, and the
    model's lock is taken again, so do not hold it yourself.

    Args:
        batch_size: frames rendered together, in the backward pass too; None: as many as fit the memory.
        checkpointed: whether activations are computed again in the backward pass, to save memory; None: if they have
            to be.
        on_step: called after each sampling step of a batch, in the forward pass; what it raises ends the rendering.

    Raises:
        UserError: a compiled model; a scheduler that adds noise in each step; a pipeline without a way around its
            ``no_grad``; clouds of another width than the model's; out of memory.
    """
    _require_gradients(model)
    own = sampling.resolved(model.defaults)
    groups = [*in_groups(model, conditionings)]
    room = fitting_calls(model, own)
    batch_size = batch_size or max(1, min(LARGEST_BATCH, room))
    if checkpointed is None:
        checkpointed = len(conditionings) * (own.num_inference_steps + 1) > room
    batch = _DifferentiableBatch(model, own, on_step, checkpointed)
    if batch.negative and model.family.guidance == "apart":
        raise UserError(f"gradients of {model.family.name}: not with a negative prompt, which has a pass of its own")
    if any(ends for _, ends in groups):
        raise UserError("attention interpolation (aid-inner, aid-outer) is not rendered with gradients")
    model.free_text_encoders()
    with torch.enable_grad(), memory_in_one_line(batch_size):
        images = [
            batch.render(group[first : first + batch_size], None)
            for group, _ in groups
            for first in range(0, len(group), batch_size)
        ]
        return torch.cat(images)


def fitting_calls(model: RenderingModel, sampling: ResolvedSampling) -> int:
    """Calls of the denoiser, or of the decoder, with one frame each, whose activations may be in memory at once."""
    return int(USED * free_bytes(model.device) / (FRAME_COST * bytes_of_a_frame(model, sampling)))


def _require_gradients(model: RenderingModel) -> None:
    if model.compiled:
        raise UserError(f"model {model.name!r} is compiled, and gradients want it as it is; leave out --compile")
    if inspect.unwrap(type(model.pipeline).__call__) is type(model.pipeline).__call__:
        raise UserError(
            f"model {model.name!r}: the call of {type(model.pipeline).__name__} cannot be had without torch.no_grad; "
            "wanted a pipeline of diffusers"
        )


@contextmanager
def memory_in_one_line(batch_size: int) -> Iterator[None]:
    """Within the context, running out of memory is a :class:`UserError` that says what helps."""
    try:
        yield
    except Exception as error:
        if is_out_of_memory(error):
            smaller = "fewer frames together" if batch_size > 1 else "a smaller --height and --width"
            raise UserError(f"out of memory with {batch_size} frames together and their gradients; {smaller}") from None
        raise


class _DifferentiableBatch(Batch):
    """Samples with gradients.

    Args:
        checkpointed: whether activations are computed again in the backward pass.
    """

    def __init__(
        self, model: RenderingModel, sampling: ResolvedSampling, on_step: Callable[[], object], checkpointed: bool
    ) -> None:
        super().__init__(model, sampling, on_step)
        self.checkpointed = checkpointed

    def sample(self, arguments: Mapping[str, Any], attending: LayerChange | None) -> Float[Tensor, "frames 3 h w"]:
        pipeline, decoder = self.model.pipeline, self.model.pipeline.vae.decoder
        watch = _NoiseWatch(arguments["generator"], type(pipeline.scheduler).__name__)
        with ExitStack() as contexts:
            for module in (self.denoiser, pipeline.vae):
                contexts.enter_context(_parameters_frozen(module))
            contexts.enter_context(self._recording(self.denoiser, attending or nullcontext, watch.check))
            contexts.enter_context(self._recording(decoder, nullcontext, watch.check))
            images = inspect.unwrap(type(pipeline).__call__)(pipeline, **arguments, output_type="pt").images
        return images

    @contextmanager
    def _recording(
        self, module: torch.nn.Module, attending: LayerChange, before: Callable[[], object]
    ) -> Iterator[None]:
        """Within the context, ``module`` keeps what its backward pass needs.

        Checkpointed, that is its inputs only: the backward pass does the rest again, as it was.
        """
        patched, forward = vars(module).get("forward"), module.forward  # accelerate's, perhaps

        def once(*args: Any, **kwargs: Any) -> Any:
            outer = module.forward
            module.forward = forward
            try:  # called as a module: what changes its attention may hang on its hooks
                with self.model.lock, without_tf32(), _parameters_frozen(module), attending():
                    return module(*args, **kwargs)
            finally:
                module.forward = outer

        def recorded(*args: Any, **kwargs: Any) -> Any:
            before()
            if not self.checkpointed:
                return once(*args, **kwargs)
            return checkpoint(once, *args, use_reentrant=False, preserve_rng_state=False, **kwargs)

        module.forward = recorded
        try:
            yield
        finally:
            del module.forward
            if patched is not None:
                module.forward = patched


@contextmanager
def _parameters_frozen(module: torch.nn.Module) -> Iterator[None]:
    """Within the context, no parameter of ``module`` wants a gradient."""
    trainable = [parameter for parameter in module.parameters() if parameter.requires_grad]
    try:
        for parameter in trainable:
            parameter.requires_grad_(False)
        yield
    finally:
        for parameter in trainable:
            parameter.requires_grad_(True)


class _NoiseWatch:
    """Whether anything draws noise after the first call of the denoiser."""

    def __init__(self, generators: Sequence[torch.Generator], scheduler: str) -> None:
        self.generators, self.scheduler = generators, scheduler
        self.state: Tensor | None = None

    def check(self) -> None:
        """Called before each call of the denoiser and of the decoder.

        Raises:
            UserError: noise was drawn since the first call.
        """
        state = self.generators[0].get_state()
        if self.state is not None and not torch.equal(state, self.state):
            raise UserError(
                f"scheduler {self.scheduler} adds noise in each step, and gradients want a deterministic one; "
                "choose --scheduler ddim"
            )
        self.state = state
