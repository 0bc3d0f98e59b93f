"""What is a model's image a function of? Every level, every precision, with controls that can fail.

For each cross-attention layer, for the denoiser and for the sampled image: the output for the prompt's rows, and for
the same measure written in other ways (:mod:`whichway.analysis.invariance.rewriting`). A pass means something only
beside the controls: another text must change the output by far more than the tolerance, the *words* in another order
must change it too (the invariance is of the conditioning, not of language), and attention that is broken on purpose
must be caught.
"""

import copy
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, nullcontext
from dataclasses import asdict, dataclass, field
from typing import Any

import numpy as np
import torch
from torch import Tensor
from tqdm.auto import tqdm

from whichway.analysis.errors import UserError
from whichway.analysis.images.rendering import Sampling, initial_noise
from whichway.analysis.images.weighted_attention import add_to_logits, cross_attention_layers
from whichway.analysis.invariance.rewriting import REWRITINGS, Rewriting, relative_error
from whichway.analysis.models.dtypes import DTYPES, rounding_tolerance, sampling_tolerance
from whichway.analysis.models.model import Model, quiet_libraries
from whichway.analysis.prompts.encoding import encode

#: control → how many times the tolerance it has to exceed: a text by far, the broken attention by being caught
REQUIRED = {"different_text": 5, "word_order": 5, "broken_attention": 1}
LEVELS = ("layers", "denoiser", "image")


@dataclass(frozen=True)
class InvarianceRecord:
    """One check: a level of one model in one precision, or one architecture of the census.

    All errors are relative: ‖changed − plain‖ / ‖plain‖.

    Attributes:
        architecture: the diffusers class and its configuration.
        level: "layer …", "denoiser" or "image" (the latents after all steps).
        precision: of weights and activations.
        errors: property → relative error (:data:`whichway.analysis.invariance.rewriting.REWRITINGS`); None where the
        class takes only a
            fixed number of rows.
        floor: relative error when only the features of the rows are summed in another order; None: not measured.
        tolerance: what rounding may cause (:mod:`whichway.analysis.models.dtypes`).
        controls: control → relative error; each has to exceed the tolerance (:data:`REQUIRED`).
        reason: why it is so, in a few words.
        growth: property or control → relative error after each sampling step.
        details: more numbers, by name.
    """

    architecture: str
    level: str
    precision: str
    errors: dict[str, float | None]
    tolerance: float
    controls: dict[str, float]
    reason: str
    floor: float | None = None
    growth: dict[str, list[float]] = field(default_factory=dict)
    details: dict[str, Any] = field(default_factory=dict)
    seconds: float = 0.0

    @property
    def failed_controls(self) -> list[str]:
        """Controls that did not change the output by more than rounding may: with one of them nothing is shown."""
        return [name for name, change in self.controls.items() if not change > REQUIRED[name] * self.tolerance]

    def holds(self, *properties: str) -> bool:
        """The named properties hold, and all controls show that the check could have failed."""
        errors = [self.errors[name] for name in properties]
        return not self.failed_controls and all(error is not None and error <= self.tolerance for error in errors)

    @property
    def permutation_invariant(self) -> bool:
        return self.holds("permutation")

    @property
    def measure_invariant(self) -> bool:
        return self.holds(*REWRITINGS)

    def as_json(self) -> dict[str, Any]:
        said = {
            "permutation_invariant": self.permutation_invariant,
            "measure_invariant": self.measure_invariant,
            "failed_controls": self.failed_controls,
        }
        return asdict(self) | said


def check_invariance(
    model: Model,
    prompt: str = "a large fox to the left of a pizza on a blue background",
    other: str = "a small red car at night",
    *,
    precisions: Sequence[str] | None = None,
    levels: Sequence[str] = LEVELS,
    sampling: Sampling = Sampling(),
    progress: bool = False,
) -> Iterator[InvarianceRecord]:
    """Check ``model`` level by level; one record for each layer, one for the denoiser, one for the image.

    Args:
        precisions: names of :data:`whichway.analysis.models.dtypes.DTYPES`; None: those that the model's device
        computes in.

    Raises:
        UserError: unknown precision or level; a prompt whose words have only one order; not enough memory.
    """
    precisions = supported_precisions(model.device) if precisions is None else precisions
    _require_known("precision", precisions, DTYPES)
    _require_known("level", levels, LEVELS)
    shuffled = _other_word_order(prompt)
    layers = len(cross_attention_layers(model.pipeline.unet))
    units = len(precisions) * sum({"layers": layers}.get(level, 1) for level in levels)
    bar = tqdm(total=units, desc="invariance", unit="check", disable=not progress)
    with bar, torch.inference_mode():
        for precision in precisions:
            check = _Check(_in_precision(model, precision), prompt, other, shuffled, sampling)
            for record in check.records(levels):
                bar.update()
                yield record


def supported_precisions(device: torch.device) -> tuple[str, ...]:
    """What the device computes in at a usable speed: no float16 on a CPU, no float64 on Apple's GPUs."""
    missing = {"cpu": "float16", "mps": "float64"}.get(device.type)
    return tuple(name for name in DTYPES if name != missing)


def _require_known(what: str, names: Sequence[str], known: Sequence[str] | dict) -> None:
    unknown = [name for name in names if name not in known]
    if unknown or not names:
        raise UserError(f"unknown {what} {', '.join(map(repr, unknown)) or '(none given)'}; known: {', '.join(known)}")


def _other_word_order(prompt: str) -> str:
    words = prompt.split()
    if len(set(words)) < 2:
        raise UserError(f"prompt {prompt!r} has only one order of words; wanted at least two different words")
    return " ".join(words[::-1] if words[::-1] != words else words[1:] + words[:1])


def _in_precision(model: Model, precision: str) -> Model:
    """The model in another precision, as a copy: halving the precision cannot be undone."""
    dtype = DTYPES[precision]
    if dtype == model.dtype:
        return model
    from whichway.analysis.invariance.memory import require_memory

    parts = (model.pipeline.unet, model.pipeline.vae, model.pipeline.text_encoder)
    count = sum(parameter.numel() for part in parts for parameter in part.parameters())
    if model.device.type == "cpu":
        require_memory(count * (model.dtype.itemsize + dtype.itemsize), f"model {model.name!r} in {precision}")
    try:
        with quiet_libraries():
            return Model(model.name, copy.deepcopy(model.pipeline).to(dtype))
    except torch.OutOfMemoryError as error:
        raise UserError(f"model {model.name!r} in {precision} does not fit in the memory of {model.device}") from error


Evaluate = Callable[[Tensor], Tensor]


class _Check:
    """The checks of one model in one precision."""

    def __init__(self, model: Model, prompt: str, other: str, shuffled: str, sampling: Sampling) -> None:
        self.model, self.sampling = model, sampling
        self.unet = model.pipeline.unet
        self.rows, self.other, self.shuffled, self.negative = (
            encode(model, text).rows[None].to(model.device, model.dtype)
            for text in (prompt, other, shuffled, sampling.negative_prompt)
        )
        self.noise = initial_noise(model, sampling.seed).to(model.device, model.dtype)

    def records(self, levels: Sequence[str]) -> Iterator[InvarianceRecord]:
        if "layers" in levels:
            inputs = self._layer_inputs()
            for name, layer in cross_attention_layers(self.unet).items():
                yield self._record(f"layer {name}", layer, _attending(layer, inputs[name]))
        if "denoiser" in levels:
            yield self._record("denoiser", self.unet, self._denoise)
        if "image" in levels:
            yield self._image_record()

    def _layer_inputs(self) -> dict[str, Tensor]:
        """What reaches each cross-attention layer from the image when the denoiser sees the prompt."""
        seen: dict[str, Tensor] = {}
        handles = [
            layer.register_forward_pre_hook(lambda _, args, name=name: seen.update({name: args[0]}))
            for name, layer in cross_attention_layers(self.unet).items()
        ]
        try:
            self._denoise(self.rows)
        finally:
            for handle in handles:
                handle.remove()
        return seen

    def _denoise(self, rows: Tensor) -> Tensor:
        return self.unet(self.noise, torch.tensor(500, device=self.model.device), rows).sample

    def _record(self, level: str, module: torch.nn.Module, evaluate: Evaluate) -> InvarianceRecord:
        started = time.perf_counter()
        plain = evaluate(self.rows)
        errors: dict[str, float | None] = {}
        for name, rewrite in REWRITINGS.items():
            rewriting = rewrite(self.rows.shape[1], torch.Generator().manual_seed(self.sampling.seed))
            with _weights_of(module, rewriting):
                errors[name] = relative_error(evaluate(rewriting(self.rows)), plain)
        shuffle = REWRITINGS["permutation"](self.rows.shape[1], torch.Generator().manual_seed(self.sampling.seed))
        with positions_on_keys(module):
            broken = relative_error(evaluate(shuffle(self.rows)), evaluate(self.rows))
        with features_reordered(module) as order:
            floor = relative_error(evaluate(self.rows[..., order]), plain)
        return InvarianceRecord(
            architecture=describe(self.unet),
            level=level,
            precision=_name_of(self.model.dtype),
            errors=errors,
            floor=floor,
            tolerance=rounding_tolerance(module, self.model.dtype, rows=self.rows.shape[1]),
            controls={
                "different_text": relative_error(evaluate(self.other), plain),
                "word_order": relative_error(evaluate(self.shuffled), plain),
                "broken_attention": broken,
            },
            reason="cross-attention: a softmax over the text rows alone, which carry no positions",
            seconds=time.perf_counter() - started,
        )

    # --- the image ---------------------------------------------------------------------------------------------------

    def _image_record(self) -> InvarianceRecord:
        """Conditional and unconditional rows are rewritten independently of each other."""
        started = time.perf_counter()
        n = self.rows.shape[1]
        plain, picture = self._sample(self.rows, self.negative)
        errors: dict[str, float | None] = {}
        growth: dict[str, list[float]] = {}
        pixels: dict[str, int] = {}

        def note(name: str, sampled: tuple[list[Tensor], np.ndarray]) -> float:
            growth[name] = [relative_error(seen, wanted) for seen, wanted in zip(sampled[0], plain, strict=True)]
            pixels[name] = int(np.abs(sampled[1].astype(int) - picture.astype(int)).max())
            return growth[name][-1]

        for name, rewrite in REWRITINGS.items():
            generator = torch.Generator().manual_seed(self.sampling.seed)
            unconditional, conditional = rewrite(n, generator), rewrite(n, generator)
            with self._weights_of_both(unconditional, conditional):
                errors[name] = note(name, self._sample(conditional(self.rows), unconditional(self.negative)))
        shuffle = REWRITINGS["permutation"](n, torch.Generator().manual_seed(self.sampling.seed))
        with positions_on_keys(self.unet):
            broken = relative_error(
                self._sample(shuffle(self.rows), shuffle(self.negative))[0][-1],
                self._sample(self.rows, self.negative)[0][-1],
            )
        with features_reordered(self.unet) as order:
            floor = note("floor", self._sample(self.rows[..., order], self.negative[..., order]))
        controls = {
            "different_text": note("different_text", self._sample(self.other, self.negative)),
            "word_order": note("word_order", self._sample(self.shuffled, self.negative)),
            "broken_attention": broken,
        }
        once = rounding_tolerance(self.unet, self.model.dtype, rows=n)
        return InvarianceRecord(
            architecture=describe(self.unet),
            level="image",
            precision=_name_of(self.model.dtype),
            errors=errors,
            floor=floor,
            tolerance=sampling_tolerance(
                once, self.model.dtype, steps=self.sampling.steps, guidance=self.sampling.guidance
            ),
            controls=controls,
            reason="the sampler sees the rows only through the denoiser",
            growth=growth,
            details={"largest_pixel_difference": pixels, "sampling": asdict(self.sampling)},
            seconds=time.perf_counter() - started,
        )

    def _sample(self, rows: Tensor, negative: Tensor) -> tuple[list[Tensor], np.ndarray]:
        """Latents after each step, and the picture (height, width, 3) uint8."""
        trajectory: list[Tensor] = []

        def keep(_pipeline: object, _step: int, _time: object, tensors: dict) -> dict:
            trajectory.append(tensors["latents"].clone())
            return tensors

        picture = self.model.pipeline(
            prompt_embeds=rows,
            negative_prompt_embeds=negative,
            latents=self.noise.clone(),
            num_inference_steps=self.sampling.steps,
            guidance_scale=self.sampling.guidance,
            output_type="np",
            callback_on_step_end=keep,
        ).images[0]
        return trajectory, (picture * 255).round().astype(np.uint8)

    @contextmanager
    def _weights_of_both(self, unconditional: Rewriting, conditional: Rewriting) -> Iterator[None]:
        if not conditional.weighted:
            yield
            return
        both = [unconditional, conditional] if self.sampling.guidance > 1 else [conditional]
        with add_to_logits(self.unet, torch.stack([each.weights.log() for each in both])):
            yield


def _attending(layer: Any, hidden_states: Tensor) -> Evaluate:
    return lambda rows: layer(hidden_states, encoder_hidden_states=rows)


def _weights_of(module: torch.nn.Module, rewriting: Rewriting) -> Any:
    return add_to_logits(module, rewriting.weights.log()[None]) if rewriting.weighted else nullcontext()


@contextmanager
def positions_on_keys(module: torch.nn.Module) -> Iterator[None]:
    """Attention broken on purpose: within the context every text key is turned by its row's position (RoPE).

    What several successors of Stable Diffusion do to their text, which is why theirs is no cloud.
    """

    def turn(_layer: torch.nn.Module, _args: tuple, keys: Tensor) -> Tensor:
        places = torch.arange(keys.shape[1], device=keys.device, dtype=torch.float32)[:, None]
        angles = places * 100 ** -torch.linspace(0, 1, keys.shape[2] // 2, device=keys.device)
        x, y = keys.float().unflatten(-1, (-1, 2)).unbind(-1)
        turned = torch.stack([x * angles.cos() - y * angles.sin(), x * angles.sin() + y * angles.cos()], dim=-1)
        return turned.flatten(-2).to(keys)

    handles = [layer.to_k.register_forward_hook(turn) for layer in cross_attention_layers(module).values()]
    try:
        yield
    finally:
        for handle in handles:
            handle.remove()


@contextmanager
def features_reordered(module: torch.nn.Module, seed: int = 0) -> Iterator[Tensor]:
    """The same function with the sum over the d features of a row taken in another order; yields that order (d,).

    Permutes the columns of W_K and W_V; rows have to come with their features in the order given. What changes in the
    output is rounding and nothing else: the floor under every other error.
    """
    projections = [
        getattr(layer, name) for layer in cross_attention_layers(module).values() for name in ("to_k", "to_v")
    ]
    originals = [projection.weight.data for projection in projections]
    order = torch.randperm(originals[0].shape[1], generator=torch.Generator().manual_seed(seed)).to(originals[0].device)
    try:
        for projection, original in zip(projections, originals, strict=True):
            projection.weight.data = original[:, order].contiguous()
        yield order
    finally:
        for projection, original in zip(projections, originals, strict=True):
            projection.weight.data = original


def describe(denoiser: Any) -> str:
    """The class and what of its configuration decides where it sees text."""
    wanted = ("block_out_channels", "down_block_types", "cross_attention_dim", "attention_head_dim")
    config = {name: denoiser.config[name] for name in wanted if name in denoiser.config}
    return f"{type(denoiser).__name__}({', '.join(f'{name}={value!r}' for name, value in config.items())})"


def _name_of(dtype: torch.dtype) -> str:
    return str(dtype).removeprefix("torch.")
