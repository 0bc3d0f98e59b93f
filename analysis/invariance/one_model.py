"""The checks of one model in one dtype: functions of the conditioning, what may not change them and what must."""

import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager, nullcontext
from dataclasses import asdict, dataclass, replace
from typing import Any

import numpy as np
import torch
from jaxtyping import Float, UInt8
from torch import Tensor
from torch.nn.utils.rnn import pad_sequence

from whichway.analysis.families import Conditioning
from whichway.analysis.images.altered_attention import features_reordered, positions_on_keys
from whichway.analysis.images.guidance import negative_conditioning
from whichway.analysis.images.joint_attention import PlacesOnKeys, attend_jointly_with_weights, within_denoiser
from whichway.analysis.images.pipeline_call import call_pipeline
from whichway.analysis.images.precision import without_tf32
from whichway.analysis.images.sampling import Sampling
from whichway.analysis.images.text_arguments import TextArguments, text_arguments
from whichway.analysis.images.weighted_attention import add_to_logits, cross_attention_layers
from whichway.analysis.invariance.record import InvarianceRecord
from whichway.analysis.invariance.rewriting import REWRITINGS, relative_error
from whichway.analysis.models.dtypes import rounding_tolerance, sampling_tolerance
from whichway.analysis.models.model import Model
from whichway.geometry import PointCloud

LEVELS = ("layers", "denoiser", "image")
TIMESTEP = 500  # of 1000, at which layers and denoiser are checked


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
        module: holds the attention layers that see the rows.
        evaluate: the text → output; weights and altered attention are in force meanwhile.
        reason: why the output should be a function of the measure alone.
        texts: the prompt, another text, and the prompt's words in another order, as they reach the level.
        guided: the layers see the negative prompt too.
    """

    name: str
    module: torch.nn.Module
    evaluate: Callable[[TextArguments], _Output]
    tolerance: float
    reason: str
    texts: tuple[Conditioning, Conditioning, Conditioning]
    guided: bool = False


_AloneLayer = tuple[Callable[[TextArguments], _Output], tuple[Conditioning, Conditioning, Conditioning]]


class _FirstPassEndedError(Exception):
    """The denoiser has answered once; the rest of the pipeline's call is not needed."""


class OneModelCheck:
    """The checks of one model in one dtype."""

    def __init__(self, model: Model, texts: tuple[str, str, str], sampling: Sampling) -> None:
        """``texts``: the prompt, another text, and the prompt's words in another order."""
        self.model, self.sampling, self.family = model, sampling.resolved(model.defaults), model.family
        self.denoiser = model.denoiser
        prompt, other, reordered = model.encode(texts)
        self.texts = prompt, other, reordered
        self.negative = negative_conditioning(model, self.sampling)
        self.joint = self.family.text_keys != "alone"

    def records(self, levels: Sequence[str]) -> Iterator[InvarianceRecord]:
        return (self._record(level) for name in LEVELS if name in levels for level in self._levels(name))

    @torch.inference_mode()
    @without_tf32()
    def _record(self, level: _Level) -> InvarianceRecord:
        """The argument itself: what must not change the output, what may by rounding alone, and what must."""
        started = time.perf_counter()
        prompt = level.texts[0]
        plain = level.evaluate(self._text(level, prompt))
        rewritten = {name: self._rewritten(level, name) for name in self._properties}
        floor = self._floor(level)
        controls = self._controls(level)
        with self._broken(level):
            broken = self._rewritten(level, "permutation").error(level.evaluate(self._text(level, prompt)))
        seen = rewritten | ({"floor": floor} if floor else {}) | controls
        measured = _along_the_steps(seen, plain)
        if measured:
            measured["details"]["sampling"] = asdict(self.sampling)
        return InvarianceRecord(
            architecture=describe(self.denoiser),
            level=level.name,
            dtype=str(self.model.dtype).removeprefix("torch."),
            errors={name: output.error(plain) for name, output in rewritten.items()},
            floor=floor.error(plain) if floor else None,
            tolerance=level.tolerance,
            controls={name: output.error(plain) for name, output in controls.items()} | {"broken_attention": broken},
            reason=level.reason,
            seconds=time.perf_counter() - started,
            **measured,
        )

    @property
    def _properties(self) -> list[str]:
        """Of a measure; where text and image share a softmax it is a finite one, and its mass may not be scaled."""
        return [name for name in REWRITINGS if not (self.joint and name == "scaling")]

    def _controls(self, level: _Level) -> dict[str, _Output]:
        """What has to change the output."""
        prompt, other, reordered = level.texts
        controls = {
            "different_text": level.evaluate(self._text(level, other)),
            "word_order": level.evaluate(self._text(level, reordered)),
        }
        if self.family.vectors and not level.name.startswith("layer "):
            mixed = replace(prompt, vectors=other.vectors)
            controls["other_pooled"] = level.evaluate(self._text(level, mixed))
        if self.joint:
            controls["more_mass"] = self._rewritten(level, "scaling")
        return controls

    def _floor(self, level: _Level) -> _Output | None:
        """With the features of the rows in another order; None where the layers are not the first to see the rows."""
        if self.joint or self.family.text_modules:
            return None
        with features_reordered(level.module) as order:
            text = self._text(level, level.texts[0])
            return level.evaluate(replace(text, rows=text.rows[..., order]))

    @contextmanager
    def _broken(self, level: _Level) -> Iterator[None]:
        if self.joint:
            breaking = within_denoiser(level.module, PlacesOnKeys, self.family.text_keys)  # type: ignore[arg-type]
        else:
            breaking = positions_on_keys(level.module)
        with breaking:
            yield

    # --- texts -------------------------------------------------------------------------------------------------------

    def _text(self, level: _Level, prompt: Conditioning) -> TextArguments:
        """The prompt, and beside it the negative prompt where the level sees one."""
        return text_arguments(
            self.family,
            [prompt],
            [self.negative] if self.negative and level.guided else [],
            device=self.model.pipeline._execution_device,
            dtype=self.model.dtype,
        )

    def _rewritten(self, level: _Level, name: str) -> _Output:
        """Both prompts are rewritten, independently of each other, and each cloud by itself."""
        generator = torch.Generator().manual_seed(self.sampling.seed)
        plain = self._text(level, level.texts[0])
        rewritten = [self._rewrite(each, name, generator) for each in (*plain.negatives, *plain.prompts)][::-1]
        rows, weights = zip(*rewritten, strict=True)
        text = replace(
            plain,
            rows=pad_sequence([*rows], batch_first=True).to(plain.rows),
            weights=pad_sequence([*weights], batch_first=True),
        )
        weighted = bool(((text.weights != 1) & (text.weights != 0)).any()) or not text.plain
        with self._weights_of(level, text) if weighted else nullcontext():
            return level.evaluate(text)

    def _rewrite(
        self, conditioning: Conditioning, name: str, generator: torch.Generator
    ) -> tuple[Float[Tensor, "m d"], Float[Tensor, " m"]]:
        rows, weights = [], []
        for encoder in self.family.clouds:
            cloud = conditioning.clouds[encoder]
            rewriting = REWRITINGS[name](len(cloud), generator)
            keeping = len(cloud) / len(rewriting.copies) if self.joint and name == "duplication" else 1
            rows.append(cloud.rows[rewriting.copies])
            weights.append(rewriting.weights * keeping)
        return torch.cat(rows), torch.cat(weights)

    def _weights_of(self, level: _Level, text: TextArguments) -> AbstractContextManager:
        """Within the context the layers of the level's module see the weights."""
        if self.joint:
            return attend_jointly_with_weights(level.module, text.passes(), self.family.text_keys)  # type: ignore[arg-type]
        return add_to_logits(level.module, text.passes()[0].log())

    # --- the levels --------------------------------------------------------------------------------------------------

    def _levels(self, name: str) -> Iterator[_Level]:
        if self.joint:
            alone = "joint attention: one softmax over image and text rows, which carry no positions"
        else:
            alone = "cross-attention: a softmax over the text rows alone, which carry no positions"
        if name == "layers":
            for path, layer in text_layers(self.model).items():
                attend, texts = self._attend_jointly(layer) if self.joint else self._attend(layer)
                yield _Level(f"layer {path}", layer, attend, self._rounding(layer), alone, texts)
        elif name == "denoiser":
            yield _Level("denoiser", self.denoiser, self._denoise, self._rounding(self.denoiser), alone, self.texts)
        else:
            guidance = self.sampling
            yield _Level(
                "image",
                self.denoiser,
                self._sample,
                sampling_tolerance(
                    self._rounding(self.denoiser),
                    self.model.dtype,
                    steps=self.sampling.num_inference_steps,
                    guidance=guidance.true_cfg_scale if self.family.guidance == "apart" else guidance.guidance_scale,
                ),
                "the sampler sees the rows only through the denoiser",
                self.texts,
                guided=self.negative is not None,
            )

    def _rounding(self, module: torch.nn.Module) -> float:
        clouds = self.texts[0].clouds.values()
        copies = [int(torch.unique(cloud.rows, dim=0, return_counts=True)[1].max()) for cloud in clouds]
        repeated = sum(count for count in copies if count > 1)
        return rounding_tolerance(module, self.model.dtype, rows=sum(map(len, clouds)), repeated=repeated)

    @torch.inference_mode()
    def _inputs(self, layer: torch.nn.Module, conditioning: Conditioning) -> dict[str, Any]:
        """What the layer is given, as keyword arguments, when the denoiser sees the conditioning."""
        given: dict[str, Any] = {}

        def keep(_layer: torch.nn.Module, args: tuple, kwargs: dict[str, Any]) -> None:
            given.update(kwargs | ({"hidden_states": args[0]} if args else {}))

        pipeline, dtype = self.model.pipeline, self.model.dtype
        handle = layer.register_forward_pre_hook(keep, with_kwargs=True)
        try:
            self._denoise(
                text_arguments(self.family, [conditioning], [], device=pipeline._execution_device, dtype=dtype)
            )
        finally:
            handle.remove()
        return given

    def _attend(self, layer: torch.nn.Module) -> _AloneLayer:
        """A layer of cross-attention, shown the image as it is and the rows as they reach it."""
        image = self._inputs(layer, self.texts[0])["hidden_states"]
        modules = [getattr(self.denoiser, name, None) for name in self.family.text_modules]

        def attend(text: TextArguments) -> _Output:
            rows = text.rows
            for module in modules:
                rows = rows if module is None else module(rows)
            return _Output([layer(image, encoder_hidden_states=rows)])

        return attend, self.texts

    def _attend_jointly(self, layer: torch.nn.Module) -> _AloneLayer:
        """A layer of joint attention and what it says of the image; its text is what it is given of each text.

        Its rows have been rewritten by the layers before it, and registers stand among them.
        """
        inputs = [self._inputs(layer, conditioning) for conditioning in self.texts]
        prompt, other, reordered = (
            self._as_conditioning(each["encoder_hidden_states"][0], conditioning)
            for each, conditioning in zip(inputs, self.texts, strict=True)
        )
        rows = inputs[0]["encoder_hidden_states"].shape[1]

        def attend(text: TextArguments) -> _Output:
            given = inputs[0] | {"encoder_hidden_states": text.rows}
            if given.get("image_rotary_emb") is not None:  # Flux: the text's places, the origin, then the image's
                given["image_rotary_emb"] = tuple(
                    torch.cat([places[:1].expand(text.rows.shape[1], -1), places[rows:]])
                    for places in given["image_rotary_emb"]
                )
            image, _ = layer(**given)
            return _Output([image])

        return attend, (prompt, other, reordered)

    def _as_conditioning(self, rows: Float[Tensor, "n d"], like: Conditioning) -> Conditioning:
        """The rows that reach a layer as clouds again; registers, which stand first, go with the first cloud."""
        sizes = [len(like.clouds[name]) for name in self.family.clouds]
        sizes[0] += len(rows) - sum(sizes)
        clouds = zip(self.family.clouds, rows.split(sizes), strict=True)
        return Conditioning({name: PointCloud(own.clone()) for name, own in clouds})

    def _denoise(self, text: TextArguments) -> _Output:
        """The denoiser's first answer in the pipeline's own call, at a time in the middle and without guidance."""
        answers: list[Tensor] = []

        def at_the_middle(
            _module: torch.nn.Module, args: tuple, kwargs: dict[str, Any]
        ) -> tuple[tuple, dict[str, Any]]:
            if "timestep" in kwargs:
                return args, kwargs | {"timestep": _middle(kwargs["timestep"])}
            return (args[0], _middle(args[1]), *args[2:]), kwargs

        def end(_module: torch.nn.Module, _args: tuple, output: Any) -> None:
            answers.append(output[0] if isinstance(output, tuple) else output.sample)
            raise _FirstPassEndedError

        hooks = (
            self.denoiser.register_forward_pre_hook(at_the_middle, with_kwargs=True),
            self.denoiser.register_forward_hook(end),
        )
        unguided = replace(self.sampling, guidance_scale=1.0, true_cfg_scale=1.0, negative_prompt=None)
        try:
            call_pipeline(self.model.pipeline, text, unguided, lambda _: None)
        except _FirstPassEndedError:
            pass
        finally:
            for hook in hooks:
                hook.remove()
        return _Output(answers)

    def _sample(self, text: TextArguments) -> _Output:
        """Latents after each step, and the picture."""
        latents: list[Tensor] = []
        [picture] = call_pipeline(
            self.model.pipeline, text, self.sampling, lambda stepped: latents.append(stepped[0].clone())
        )
        return _Output(latents, (picture * 255).round().astype(np.uint8))


def _middle(timestep: Tensor) -> Tensor:
    """In the middle of the schedule: of 1000 steps, or of times from 0 to 1."""
    scale = 1 if float(timestep.max()) > 1 else 1 / 1000
    return torch.full_like(timestep, TIMESTEP * scale, dtype=torch.float32 if scale < 1 else timestep.dtype)


def text_layers(model: Model) -> dict[str, torch.nn.Module]:
    """The attention layers that are given the text's rows apart from the image: what can be asked alone.

    Where text and image have become one sequence (the later blocks of Flux and AuraFlow) there are none: these are
    checked in the denoiser.
    """
    if model.family.text_keys == "alone":
        return cross_attention_layers(model.denoiser)
    modules = model.denoiser.named_modules()
    return {name: module for name, module in modules if getattr(module, "add_k_proj", None) is not None}


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
