"""A model: a pipeline of diffusers and its family, one thing at a time; encodes prompts and renders conditionings."""

import os
import threading
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, fields
from functools import cached_property
from typing import Any

import torch

from whichway.analysis.errors import UserError
from whichway.analysis.families import Conditioning, Family, PromptReading, encode, encode_negative, find_family
from whichway.analysis.families.chunks import require_reading
from whichway.analysis.families.clip_skip import require_clip_skip
from whichway.analysis.finite import require_finite_weights
from whichway.analysis.images.pipeline_defaults import pipeline_defaults
from whichway.analysis.images.rendering import render
from whichway.analysis.images.rendering_model import Images, Renderable
from whichway.analysis.images.sampling import Sampling, SamplingDefaults
from whichway.analysis.images.undisturbed import undisturbed
from whichway.analysis.models.choice import MINIATURE, OWN, READING, ModelChoice
from whichway.analysis.models.encoded_prompts import EncodedPrompts
from whichway.analysis.models.fingerprint import Fingerprint, digest_of
from whichway.analysis.models.loading import load_pipeline
from whichway.analysis.models.photographs import conditioning_of_photograph
from whichway.analysis.models.placement import pick_device, place
from whichway.analysis.models.text_to_image import require_fitting_texts, require_text_to_image
from whichway.analysis.quiet import quiet_libraries
from whichway.analysis.reading.photograph_prompt import literal_prompt, names_photograph, require_no_photograph

__all__ = ["MINIATURE", "Model", "load_model", "quiet_libraries"]

#: what a call of the pipeline is given by the rendering itself
RESERVED = {field.name for field in fields(Sampling)} | {
    "prompt",
    "prompt_embeds",
    "latents",
    "generator",
    "output_type",
}


@dataclass(frozen=True, eq=False)
class Model:
    """A pipeline as it is: not moved, cast or given another scheduler. Any number of threads may use it.

    Attributes:
        name: what the user asked for.
        pipeline: of diffusers. Your own may have adapters loaded.
        compiled: whether the denoiser runs through ``torch.compile``.
        clip_skip: last layers of CLIP's text encoders that are left out.
        call_arguments: further arguments of the pipeline's call, the same for every image: ``ip_adapter_image``,
            ``cross_attention_kwargs`` and so on.
        reading: what brackets in prompts mean, and what becomes of long ones.
        frees_text_encoders: whether the first rendering lets go of the text encoders.
        batch_limits: how many frames fitted where memory ran out (:mod:`whichway.analysis.images.batches`).
        lock: held while the pipeline encodes prompts or renders a batch.

    Raises:
        UserError: a pipeline of no family that is known, or one that has no such option.
    """

    name: str
    pipeline: Any
    compiled: bool = False
    clip_skip: int | None = None
    call_arguments: Mapping[str, Any] = field(default_factory=dict)
    frees_text_encoders: bool = False
    reading: PromptReading = field(default_factory=PromptReading)
    lock: Any = field(default_factory=threading.RLock, repr=False)
    batch_limits: dict[object, int] = field(default_factory=dict, repr=False)

    def __post_init__(self) -> None:
        _ = self.family
        if self.clip_skip is not None:
            require_clip_skip(self.pipeline, self.clip_skip)
        require_reading(self.family, self.pipeline, self.reading)
        if reserved := sorted(RESERVED & set(self.call_arguments)):
            raise UserError(
                f"call_arguments: {', '.join(reserved)} belong to the sampling or the prompts; leave them out"
            )

    @cached_property
    def family(self) -> Family:
        return find_family(self.pipeline, self.name)

    @cached_property
    def defaults(self) -> SamplingDefaults:
        """How the pipeline samples where a :class:`~whichway.analysis.images.sampling.Sampling` leaves it to it."""
        return pipeline_defaults(self.pipeline)

    @property
    def denoiser(self) -> Any:
        """The module that sees the text."""
        return getattr(self.pipeline, self.family.denoiser)

    @property
    def device(self) -> torch.device:
        """Where it computes; its weights may wait elsewhere."""
        device: torch.device = self.pipeline._execution_device
        return device

    @property
    def dtype(self) -> torch.dtype:
        dtype: torch.dtype = self.denoiser.dtype
        return dtype

    @cached_property
    def _fingerprint(self) -> Fingerprint:
        return Fingerprint(self.pipeline)

    @property
    def fingerprint(self) -> str:
        """SHA-256 of all weights, configurations, tokenizer, scheduler and adapters, as they are now."""
        with self.lock:
            return str(self._fingerprint)

    @property
    def identity(self) -> dict[str, Any]:
        """All that an image of a prompt depends on: two models of one identity give the same ones up to rounding."""
        return self.rendering_identity | self.reading.changes

    @property
    def rendering_identity(self) -> dict[str, Any]:
        """All that an image of a conditioning depends on, however its prompt was read."""
        optional = {
            "clip_skip": self.clip_skip,
            "call_arguments_sha256": digest_of(self.call_arguments) if self.call_arguments else None,
        }
        return {
            "model_sha256": self.fingerprint,
            "device": self.device.type,
            "dtype": str(self.dtype).removeprefix("torch."),
            "compiled": self.compiled,
            **{name: value for name, value in optional.items() if value is not None},
        }

    # --- prompts in -----------------------------------------------------------------------------------------------

    def encode(self, prompts: Sequence[str]) -> list[Conditioning]:
        """The conditioning of each prompt; warns of those that are cut off. The empty prompt is legitimate.

        For ``@photo.png``, or ``@`` and the folder of an inversion, what was found for that photograph
        (:mod:`whichway.analysis.models.photographs`).

        Raises:
            UserError: the text encoders were freed, and a prompt was not encoded before; a photograph that was not
                inverted with this model.
        """
        return list(self.encode_each(prompts))

    def encode_negative(self, prompt: str | None) -> Conditioning:
        """The conditioning of a negative prompt, or of none, as the pipeline's own call makes it.

        Raises:
            UserError: as :meth:`encode`.
        """
        with self.lock, undisturbed(self.pipeline):
            [conditioning] = self._encoded_negative.each([prompt])
        return conditioning

    def encode_each(self, prompts: Sequence[str]) -> Iterator[Conditioning]:
        """As :meth:`encode`, one after the other: for many prompts, and progress."""
        conditionings = self._encoded.each(prompts)
        while True:
            with self.lock, undisturbed(self.pipeline):
                conditioning = next(conditionings, None)
            if conditioning is None:
                return
            yield conditioning

    @cached_property
    def _encoded(self) -> EncodedPrompts[str]:
        def encode_now(prompts: Sequence[str]) -> Iterator[Conditioning]:
            texts = [literal_prompt(prompt) for prompt in prompts if not names_photograph(prompt)]
            encoded = encode(self.family, self.pipeline, texts, clip_skip=self.clip_skip, reading=self.reading)
            for prompt in prompts:
                if names_photograph(prompt):
                    yield conditioning_of_photograph(prompt, self.name, self.rendering_identity)
                else:
                    yield next(encoded)

        return EncodedPrompts(self.name, encode_now, keeps=self.frees_text_encoders)

    @cached_property
    def _encoded_negative(self) -> EncodedPrompts[str | None]:
        def encode_now(prompts: Sequence[str | None]) -> Iterator[Conditioning]:
            for prompt in prompts:
                require_no_photograph(prompt, "negative prompt")
                text = None if prompt is None else literal_prompt(prompt)
                yield encode_negative(self.family, self.pipeline, text, clip_skip=self.clip_skip, reading=self.reading)

        return EncodedPrompts(self.name, encode_now, keeps=self.frees_text_encoders)

    def free_text_encoders(self) -> None:
        """Let go of the text encoders; prompts that were encoded before are known, others cannot be encoded any more.

        Only where the model was loaded so: a pipeline of the user's own is left as it is.
        """
        with self.lock:
            if self.frees_text_encoders and not self._encoded.closed:
                self._fingerprint.freeze()
                self._encoded.closed = self._encoded_negative.closed = True
                for name in [name for name in self.pipeline.components if name.startswith("text_encoder")]:
                    setattr(self.pipeline, name, None)
                if self.device.type == "cuda":
                    torch.cuda.empty_cache()

    # --- images out -----------------------------------------------------------------------------------------------

    def render(self, conditionings: Sequence[Renderable], sampling: Sampling = Sampling(), **options: Any) -> Images:
        """Images (frames, height, width, 3) uint8: :func:`whichway.analysis.images.rendering.render`."""
        return render(self, conditionings, sampling, **options)


def load_model(
    model: Any = MINIATURE,
    *,
    device: str = "auto",
    dtype: str = "auto",
    variant: str | None = None,
    compiled: bool = False,
    loras: Sequence[str] = (),
    embeddings: Sequence[str] = (),
    offload: str = "none",
    quantize: str = "none",
    clip_skip: int | None = None,
    vae_slicing: bool = False,
    vae_tiling: bool = False,
    free_text_encoders: bool = False,
    syntax: str = "plain",
    word_weights: str = "mass",
    long_prompts: str = "truncate",
    chunk_masses: str = "own-rows",
    call_arguments: Mapping[str, Any] | None = None,
    report: Callable[[str], object] = lambda line: None,
) -> Model:
    """A model of a pipeline of your own, or of one that diffusers loads: safetensors only, no code from the hub.

    Args:
        model: a pipeline of diffusers, which is taken as it is and left as it was; or what to load: "miniature", a hub
            id ("stable-diffusion-v1-5/stable-diffusion-v1-5"), a folder in diffusers' format, or a single .safetensors
            checkpoint.
        call_arguments: further arguments of the pipeline's call, the same for every image, such as
            ``ip_adapter_image``.
        report: called with a line that says what the model needs and what there is, before its weights are read.

    The other arguments are those of :class:`whichway.analysis.models.choice.ModelChoice`. Of them, a pipeline of your
    own takes those that say how prompts are read: the rest is done to the pipeline before it is given here.

    Raises:
        UserError: no such model, not a checkpoint, one that cannot fit in memory, a device that is not there, no
            compiler for ``compiled``, or a pipeline of no family that is known.
    """
    named = isinstance(model, str | os.PathLike)
    choice = ModelChoice(
        os.fspath(model) if named else f"{OWN}{type(model).__name__}",
        device,
        dtype,
        variant,
        compiled,
        tuple(loras),
        tuple(embeddings),
        offload,
        quantize,
        clip_skip,
        vae_slicing,
        vae_tiling,
        free_text_encoders,
        syntax,
        word_weights,
        long_prompts,
        chunk_masses,
    )
    pipeline = _load(choice, report) if named else _taken_as_it_is(model, choice)
    require_finite_weights(pipeline, choice.name)
    arguments = dict(call_arguments or {})
    loaded = Model(choice.name, pipeline, compiled, clip_skip, arguments, free_text_encoders, choice.reading)
    if named:
        _ = loaded.fingerprint if offload == "sequential" else None  # of weights that can still be read
        place(pipeline, loaded.denoiser, choice, pick_device(device))
    return loaded


def _load(choice: ModelChoice, report: Callable[[str], object]) -> Any:
    with quiet_libraries():
        pipeline = load_pipeline(choice, pick_device(choice.device), report)
    pipeline.set_progress_bar_config(disable=True)
    return pipeline


def _taken_as_it_is(pipeline: Any, choice: ModelChoice) -> Any:
    """Checked, not touched.

    Raises:
        UserError: no pipeline of diffusers, one that needs an image too, or options that would change it.
    """
    from diffusers import DiffusionPipeline

    if not isinstance(pipeline, DiffusionPipeline):
        raise UserError(f"model: wanted a name or a pipeline of diffusers, got a {type(pipeline).__name__}")
    default, kept = ModelChoice(), ("name", *READING)
    if changing := [
        option.name
        for option in fields(ModelChoice)
        if option.name not in kept and getattr(choice, option.name) != getattr(default, option.name)
    ]:
        raise UserError(f"{', '.join(changing)}: a pipeline of your own is left as it is; do it to the pipeline before")
    denoiser = getattr(pipeline, "unet", None) or getattr(pipeline, "transformer", None)
    configs = (getattr(part, "config", None) for part in (denoiser, getattr(pipeline, "vae", None)))
    require_text_to_image(type(pipeline).__name__, choice.name, *configs)
    require_fitting_texts(pipeline, choice.name)
    return pipeline
