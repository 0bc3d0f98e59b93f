"""The functions of the conditioning that are checked: each attention layer, the denoiser, the image."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import torch
from jaxtyping import Float, UInt8
from torch import Tensor

from whichway.analysis.families import Conditioning
from whichway.analysis.images.pipeline_call import call_pipeline
from whichway.analysis.images.sampling import ResolvedSampling
from whichway.analysis.images.text_arguments import TextArguments, text_arguments
from whichway.analysis.images.weighted_attention import cross_attention_layers
from whichway.analysis.invariance.rewriting import relative_error
from whichway.analysis.models.dtypes import rounding_tolerance, sampling_tolerance
from whichway.analysis.models.model import Model
from whichway.geometry import PointCloud

LEVELS = ("layers", "denoiser", "image")
TIMESTEP = 500  # of 1000, at which layers and denoiser are checked
Texts = tuple[Conditioning, Conditioning, Conditioning]  # the prompt, another text, the prompt's words in another order


@dataclass(frozen=True)
class Output:
    """What a level computes: one tensor after each step (layers and denoiser have one step), and a picture at last."""

    steps: Sequence[Tensor]
    picture: UInt8[np.ndarray, "height width 3"] | None = None

    def error(self, plain: "Output") -> float:
        return relative_error(self.steps[-1], plain.steps[-1])


Evaluate = Callable[[TextArguments], Output]


@dataclass(frozen=True)
class Level:
    """A function of the conditioning that is checked.

    Attributes:
        module: holds the attention layers that see the rows.
        evaluate: the text → output; weights and altered attention are in force meanwhile.
        reason: why the output should be a function of the measure alone.
        texts: as they reach the level.
        guided: the layers see the negative prompt too.
    """

    name: str
    module: torch.nn.Module
    evaluate: Evaluate
    tolerance: float
    reason: str
    texts: Texts
    guided: bool = False


class _FirstPassEndedError(Exception):
    """The denoiser has answered once; the rest of the pipeline's call is not needed."""


class Levels:
    """The functions of one model that are checked, at the texts with which they are."""

    def __init__(
        self,
        model: Model,
        texts: Texts,
        sampling: ResolvedSampling,
        *,
        guided: bool,
    ) -> None:
        """``guided``: the sampler sees a negative prompt too."""
        self.model, self.texts, self.sampling, self.guided = model, texts, sampling, guided
        self.family, self.denoiser = model.family, model.denoiser
        self.joint = self.family.text_keys != "alone"

    def called(self, name: str) -> Iterator[Level]:
        if self.joint:
            alone = "joint attention: one softmax over image and text rows, which carry no positions"
        else:
            alone = "cross-attention: a softmax over the text rows alone, which carry no positions"
        if name == "layers":
            for path, layer in text_layers(self.model).items():
                attend, texts = self._attend_jointly(layer) if self.joint else self._attend(layer)
                yield Level(f"layer {path}", layer, attend, self._rounding(layer), alone, texts)
        elif name == "denoiser":
            yield Level("denoiser", self.denoiser, self._denoise, self._rounding(self.denoiser), alone, self.texts)
        else:
            guidance = self.sampling
            yield Level(
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
                guided=self.guided,
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

    def _attend(self, layer: torch.nn.Module) -> tuple[Evaluate, Texts]:
        """A layer of cross-attention, shown the image as it is and the rows as they reach it."""
        image = self._inputs(layer, self.texts[0])["hidden_states"]
        modules = [getattr(self.denoiser, name, None) for name in self.family.text_modules]

        def attend(text: TextArguments) -> Output:
            rows = text.rows
            for module in modules:
                rows = rows if module is None else module(rows)
            return Output([layer(image, encoder_hidden_states=rows)])

        return attend, self.texts

    def _attend_jointly(self, layer: torch.nn.Module) -> tuple[Evaluate, Texts]:
        """A layer of joint attention and what it says of the image; its text is what it is given of each text.

        Its rows have been rewritten by the layers before it, and registers stand among them.
        """
        inputs = [self._inputs(layer, conditioning) for conditioning in self.texts]
        prompt, other, reordered = (
            self._as_conditioning(each["encoder_hidden_states"][0], conditioning)
            for each, conditioning in zip(inputs, self.texts, strict=True)
        )
        rows = inputs[0]["encoder_hidden_states"].shape[1]

        def attend(text: TextArguments) -> Output:
            given = inputs[0] | {"encoder_hidden_states": text.rows}
            if given.get("image_rotary_emb") is not None:  # Flux: the text's places, the origin, then the image's
                given["image_rotary_emb"] = tuple(
                    torch.cat([places[:1].expand(text.rows.shape[1], -1), places[rows:]])
                    for places in given["image_rotary_emb"]
                )
            image, _ = layer(**given)
            return Output([image])

        return attend, (prompt, other, reordered)

    def _as_conditioning(self, rows: Float[Tensor, "n d"], like: Conditioning) -> Conditioning:
        """The rows that reach a layer as clouds again; registers, which stand first, go with the first cloud."""
        sizes = [len(like.clouds[name]) for name in self.family.clouds]
        sizes[0] += len(rows) - sum(sizes)
        clouds = zip(self.family.clouds, rows.split(sizes), strict=True)
        return Conditioning({name: PointCloud(own.clone()) for name, own in clouds})

    def _denoise(self, text: TextArguments) -> Output:
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
        return Output(answers)

    def _sample(self, text: TextArguments) -> Output:
        """Latents after each step, and the picture."""
        latents: list[Tensor] = []
        [picture] = call_pipeline(
            self.model.pipeline, text, self.sampling, lambda stepped: latents.append(stepped[0].clone())
        )
        return Output(latents, (picture * 255).round().astype(np.uint8))


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
