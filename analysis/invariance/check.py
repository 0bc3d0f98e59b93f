"""What is a model's image a function of? Every level, every dtype, with controls that can fail.

For each cross-attention layer, for the denoiser and for the sampled image: the output for the prompt's rows is compared
with the output for the same measure written in other ways (:mod:`whichway.analysis.invariance.rewriting`). A pass means
something only beside the controls: another text must change the output by far more than the tolerance, the *words* in
another order must change it too (the invariance is of the conditioning, not of language), and attention that is broken
on purpose must be caught.
"""

import copy
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager, nullcontext
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
import torch
from jaxtyping import UInt8
from torch import Tensor
from tqdm.auto import tqdm

from whichway.analysis.errors import UserError
from whichway.analysis.images.altered_attention import features_reordered, positions_on_keys
from whichway.analysis.images.noise import initial_noise
from whichway.analysis.images.sampling import Sampling
from whichway.analysis.images.weighted_attention import add_to_logits, cross_attention_layers
from whichway.analysis.invariance.record import InvarianceRecord
from whichway.analysis.invariance.rewriting import REWRITINGS, Rewriting, relative_error
from whichway.analysis.models.dtypes import DTYPES, rounding_tolerance, sampling_tolerance
from whichway.analysis.models.memory import require_memory
from whichway.analysis.models.model import Model
from whichway.analysis.prompts.encoding import encode
from whichway.analysis.quiet import quiet_libraries
from whichway.miniature.training import multiplies_bfloat16

LEVELS = ("layers", "denoiser", "image")
TIMESTEP = 500  # of 1000, at which layers and denoiser are checked


def check_invariance(
    model: Model,
    prompt: str = "a fox to the left of a pizza on a blue background",
    other: str = "a small car at night",
    *,
    dtypes: Sequence[str] | None = None,
    levels: Sequence[str] = LEVELS,
    sampling: Sampling = Sampling(),
    progress: bool = False,
) -> Iterator[InvarianceRecord]:
    """Check ``model`` level by level; one record for each layer, one for the denoiser, one for the image.

    Args:
        other: a text that has to change the output.
        dtypes: names of :data:`whichway.analysis.models.dtypes.DTYPES`; None: :func:`supported_dtypes`.

    Raises:
        UserError: unknown dtype or level; a prompt whose words have only one order; not enough memory.
    """
    dtypes = supported_dtypes(model.device) if dtypes is None else dtypes
    _require_names("dtype", dtypes, DTYPES)
    _require_names("level", levels, LEVELS)
    texts = (prompt, other, words_reordered(prompt))
    layers = len(cross_attention_layers(model.pipeline.unet))
    total = len(dtypes) * sum({"layers": layers}.get(level, 1) for level in levels)
    with tqdm(total=total, desc="invariance", unit="check", disable=not progress) as bar:
        for dtype in dtypes:
            for record in _Check(_in_dtype(model, dtype), texts, sampling).records(levels):
                bar.update()
                yield record


def supported_dtypes(device: torch.device) -> tuple[str, ...]:
    """The dtypes that the device computes in at a usable speed.

    Not float16 on a CPU; not bfloat16 where there are no instructions for it, since it is emulated there; not float64
    on Apple's GPUs.
    """
    unsupported = {"cpu": {"float16"}, "mps": {"float64"}}.get(device.type, set())
    if device.type != "mps" and not multiplies_bfloat16(device):
        unsupported = unsupported | {"bfloat16"}
    return tuple(name for name in DTYPES if name not in unsupported)


def _require_names(what: str, names: Sequence[str], choices: Sequence[str] | dict) -> None:
    unknown = [name for name in names if name not in choices]
    if unknown or not names:
        raise UserError(
            f"unknown {what} {', '.join(map(repr, unknown)) or '(none given)'}; known: {', '.join(choices)}"
        )


def words_reordered(prompt: str) -> str:
    """The prompt's words in another order: backwards, or rotated where backwards is the same.

    Raises:
        UserError: fewer than two different words.
    """
    words = prompt.split()
    if len(set(words)) < 2:
        raise UserError(f"prompt {prompt!r} has only one order of words; wanted at least two different words")
    return " ".join(words[::-1] if words[::-1] != words else words[1:] + words[:1])


def _in_dtype(model: Model, dtype_name: str) -> Model:
    """The model in another dtype, as a copy: digits that a narrower dtype drops do not come back."""
    dtype = DTYPES[dtype_name]
    if dtype == model.dtype:
        return model
    parts = (model.pipeline.unet, model.pipeline.vae, model.pipeline.text_encoder)
    parameters = sum(parameter.numel() for part in parts for parameter in part.parameters())
    if model.device.type == "cpu":
        require_memory(parameters * (model.dtype.itemsize + dtype.itemsize), f"model {model.name!r} in {dtype_name}")
    try:
        with quiet_libraries():
            return Model(model.name, copy.deepcopy(model.pipeline).to(dtype))
    except torch.OutOfMemoryError as error:
        raise UserError(f"model {model.name!r} in {dtype_name} does not fit in the memory of {model.device}") from error


# --- one model in one dtype ------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class _Output:
    """What a level computes: one tensor after each step (layers and denoiser have one step), and a picture at last."""

    steps: Sequence[Tensor]
    picture: UInt8[np.ndarray, "height width 3"] | None = None

    def error(self, plain: "_Output") -> float:
        return relative_error(self.steps[-1], plain.steps[-1])


@dataclass(frozen=True)
class _Level:
    """A function of the conditioning that is checked.

    Attributes:
        module: holds the cross-attention layers that see the rows.
        evaluate: (rows of the prompt, rows of the negative prompt) → output.
        guided: the layers see the negative prompt too, as the first half of a batch.
        reason: why the output should be a function of the measure alone.
    """

    name: str
    module: torch.nn.Module
    evaluate: Callable[[Tensor, Tensor], _Output]
    tolerance: float
    reason: str
    guided: bool = False


class _Check:
    """The checks of one model in one dtype."""

    def __init__(self, model: Model, texts: tuple[str, str, str], sampling: Sampling) -> None:
        """``texts``: the prompt, another text, and the prompt's words in another order."""
        self.model, self.sampling = model, sampling.resolved(model.defaults)
        self.unet = model.pipeline.unet
        self.rows, self.other_rows, self.reordered_rows, self.negative_rows = (
            encode(model, text).rows[None].to(model.device, model.dtype) for text in (*texts, sampling.negative_prompt)
        )
        self.noise = initial_noise(model, sampling.seed).to(model.device, model.dtype)

    def records(self, levels: Sequence[str]) -> Iterator[InvarianceRecord]:
        return (self._record(level) for name in LEVELS if name in levels for level in self._levels(name))

    @torch.inference_mode()
    def _record(self, level: _Level) -> InvarianceRecord:
        """The argument itself: what must not change the output, what may by rounding alone, and what must."""
        started = time.perf_counter()
        plain = level.evaluate(self.rows, self.negative_rows)
        rewritten = {name: self._rewritten(level, name) for name in REWRITINGS}
        with features_reordered(level.module) as order:
            floor = level.evaluate(self.rows[..., order], self.negative_rows[..., order])
        other_texts = {
            "different_text": level.evaluate(self.other_rows, self.negative_rows),
            "word_order": level.evaluate(self.reordered_rows, self.negative_rows),
        }
        with positions_on_keys(level.module):
            broken = self._rewritten(level, "permutation").error(level.evaluate(self.rows, self.negative_rows))
        measured = _along_the_steps(rewritten | {"floor": floor} | other_texts, plain)
        if measured:
            measured["details"]["sampling"] = asdict(self.sampling)
        return InvarianceRecord(
            architecture=describe(self.unet),
            level=level.name,
            dtype=str(self.model.dtype).removeprefix("torch."),
            errors={name: output.error(plain) for name, output in rewritten.items()},
            floor=floor.error(plain),
            tolerance=level.tolerance,
            controls={name: output.error(plain) for name, output in other_texts.items()} | {"broken_attention": broken},
            reason=level.reason,
            seconds=time.perf_counter() - started,
            **measured,
        )

    def _rewritten(self, level: _Level, name: str) -> _Output:
        """Both prompts are rewritten, independently of each other."""
        generator = torch.Generator().manual_seed(self.sampling.seed)
        negative, prompt = (REWRITINGS[name](self.rows.shape[1], generator) for _ in range(2))
        with _weights_of([negative, prompt] if level.guided else [prompt], level.module):
            return level.evaluate(prompt(self.rows), negative(self.negative_rows))

    # --- the levels --------------------------------------------------------------------------------------------------

    def _levels(self, name: str) -> Iterator[_Level]:
        alone = "cross-attention: a softmax over the text rows alone, which carry no positions"
        if name == "layers":
            inputs = self._layer_inputs()
            for path, layer in cross_attention_layers(self.unet).items():
                yield _Level(f"layer {path}", layer, _attend(layer, inputs[path]), self._rounding(layer), alone)
        elif name == "denoiser":
            yield _Level("denoiser", self.unet, self._denoise, self._rounding(self.unet), alone)
        else:
            yield _Level(
                "image",
                self.unet,
                self._sample,
                sampling_tolerance(
                    self._rounding(self.unet),
                    self.model.dtype,
                    steps=self.sampling.num_inference_steps,
                    guidance=self.sampling.guidance_scale,
                ),
                "the sampler sees the rows only through the denoiser",
                guided=self.sampling.is_guided,
            )

    def _rounding(self, module: torch.nn.Module) -> float:
        return rounding_tolerance(module, self.model.dtype, rows=self.rows.shape[1])

    @torch.inference_mode()
    def _layer_inputs(self) -> dict[str, Tensor]:
        """What reaches each cross-attention layer from the image when the denoiser sees the prompt."""
        inputs: dict[str, Tensor] = {}
        handles = [
            layer.register_forward_pre_hook(lambda _, args, path=path: inputs.update({path: args[0]}))
            for path, layer in cross_attention_layers(self.unet).items()
        ]
        try:
            self._denoise(self.rows, self.negative_rows)
        finally:
            for handle in handles:
                handle.remove()
        return inputs

    def _denoise(self, rows: Tensor, _negative_rows: Tensor) -> _Output:
        timestep = torch.tensor(TIMESTEP, device=self.model.device)
        return _Output([self.unet(self.noise, timestep, rows).sample])

    def _sample(self, rows: Tensor, negative_rows: Tensor) -> _Output:
        """Latents after each step, and the picture."""
        latents: list[Tensor] = []

        def keep(_pipeline: object, _step: int, _time: object, tensors: dict) -> dict:
            latents.append(tensors["latents"].clone())
            return tensors

        picture = self.model.pipeline(
            prompt_embeds=rows,
            negative_prompt_embeds=negative_rows,
            latents=self.noise.clone(),
            num_inference_steps=self.sampling.num_inference_steps,
            guidance_scale=self.sampling.guidance_scale,
            output_type="np",
            callback_on_step_end=keep,
        ).images[0]
        return _Output(latents, (picture * 255).round().astype(np.uint8))


def _attend(layer: Any, hidden_states: Tensor) -> Callable[[Tensor, Tensor], _Output]:
    return lambda rows, _negative_rows: _Output([layer(hidden_states, encoder_hidden_states=rows)])


def _weights_of(rewritings: Sequence[Rewriting], module: torch.nn.Module) -> AbstractContextManager:
    """Within the context the layers of ``module`` see the weights, one rewriting for each element of the batch."""
    if not rewritings[0].weighted:
        return nullcontext()
    return add_to_logits(module, torch.stack([rewriting.weights.log() for rewriting in rewritings]))


def _along_the_steps(outputs: dict[str, _Output], plain: _Output) -> dict[str, dict[str, Any]]:
    """How errors grow over the sampling steps, and by how much pixels differ at the end; nothing without a picture."""
    if plain.picture is None:
        return {}
    growth = {
        name: [relative_error(*pair) for pair in zip(output.steps, plain.steps, strict=True)]
        for name, output in outputs.items()
    }
    final = plain.picture.astype(int)
    pixels = {name: int(np.abs(output.picture - final).max()) for name, output in outputs.items()}  # type: ignore[operator]
    return {"growth": growth, "details": {"largest_pixel_difference": pixels}}


def describe(denoiser: Any) -> str:
    """The class and what of its configuration decides where it sees text."""
    names = ("block_out_channels", "down_block_types", "cross_attention_dim", "attention_head_dim")
    config = {name: denoiser.config[name] for name in names if name in denoiser.config}
    return f"{type(denoiser).__name__}({', '.join(f'{name}={value!r}' for name, value in config.items())})"
