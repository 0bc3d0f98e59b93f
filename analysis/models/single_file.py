"""A single .safetensors checkpoint: which family it is of, by the names and shapes of its tensors, and its pipeline.

Many such files are not all of a pipeline: those of Flux hold its transformer alone, some of Stable Diffusion 3 no T5.
What a file lacks is read from the folder of its configuration in the hub's local cache, from safetensors only.
"""

from collections.abc import Mapping
from functools import cached_property
from pathlib import Path
from typing import Any

import torch

from whichway.analysis.errors import UserError
from whichway.analysis.files import read_json
from whichway.analysis.models.weight_files import count_parameters, find_weight_files, kind_of_weights, read_shapes

#: what diffusers calls the type of a checkpoint → the pipeline that makes images of texts with it
PIPELINES = {
    "v1": "StableDiffusionPipeline",
    "v2": "StableDiffusionPipeline",
    "xl_base": "StableDiffusionXLPipeline",
    "playground-v2-5": "StableDiffusionXLPipeline",
    "sd3": "StableDiffusion3Pipeline",
    "sd35_medium": "StableDiffusion3Pipeline",
    "sd35_large": "StableDiffusion3Pipeline",
    "flux-dev": "FluxPipeline",
    "flux-schnell": "FluxPipeline",
}
NEEDS_AN_IMAGE = {
    "inpainting": "an inpainting checkpoint (9 input channels)",
    "inpainting_v2": "an inpainting checkpoint (9 input channels)",
    "xl_inpaint": "an inpainting checkpoint (9 input channels)",
    "flux-fill": "an inpainting checkpoint (Flux Fill)",
    "flux-depth": "a checkpoint that is given a depth or edge image too (Flux Depth, Flux Canny)",
    "instruct-pix2pix": "a checkpoint that edits images (InstructPix2Pix)",
    "upscale": "an upscaler",
    "xl_refiner": "the refiner of Stable Diffusion XL, which works on images",
}
#: tensors that every denoiser of :data:`PIPELINES` has, in the layouts of their authors: diffusers takes whatever it
#: does not recognise for Stable Diffusion 1.x
DENOISERS = ("model.diffusion_model.", "double_blocks.0.", "joint_blocks.0.")


#: of a pipeline's configuration: all but the weights
CONFIGURATION = ("*.json", "**/*.json", "*.txt", "**/*.txt", "**/*.model")
#: how the names of a component's tensors begin, in the layouts of the families' authors
AUTOENCODER = ("first_stage_model.", "vae.")
CLIP = ("cond_stage_model.", "conditioner.embedders.", "text_encoders.clip_")
T5 = ("text_encoders.t5xxl.",)


class SingleFile:
    """A checkpoint, known from its header.

    Attributes:
        type: what diffusers calls it.
        configuration: id of the pipeline on the hub whose configuration diffusers reads it with.

    Raises:
        UserError: it is no safetensors file, or none that makes images of texts.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self._shapes = read_shapes(path)
        self.type = _infer_type(path, self._shapes)
        self.configuration = _configuration(self.type)

    @property
    def denoiser(self) -> str:
        return (
            "unet"
            if PIPELINES[self.type] in ("StableDiffusionPipeline", "StableDiffusionXLPipeline")
            else "transformer"
        )

    @cached_property
    def parameters(self) -> dict[str, int]:
        """Those of the file, and of each component that is read beside it.

        Raises:
            UserError: as :meth:`load`.
        """
        checkpoint = sum(torch.Size(shape).numel() for shape in self._shapes.values())
        return {"checkpoint": checkpoint} | {
            part: count_parameters(find_weight_files(self._folder / part).of(None)) for part in self._lacking
        }

    def load(self, dtype: torch.dtype, options: dict[str, Any]) -> Any:
        """The pipeline.

        Raises:
            UserError: its configuration is neither cached nor reachable; it lacks a component that is not cached.
        """
        import diffusers

        beside = {
            part: cls.from_pretrained(self._folder, subfolder=part, torch_dtype=dtype, use_safetensors=True)
            for part, cls in self._lacking.items()
        }
        pipeline_class = getattr(diffusers, PIPELINES[self.type])
        return pipeline_class.from_single_file(
            str(self.path), config=str(self._folder), torch_dtype=dtype, **beside, **options
        )

    @cached_property
    def _folder(self) -> Path:
        """The configuration's in the hub's local cache, filled from the hub where it lacks something."""
        from huggingface_hub import snapshot_download
        from huggingface_hub.errors import HfHubHTTPError, LocalEntryNotFoundError, OfflineModeIsEnabled

        try:
            return Path(snapshot_download(self.configuration, allow_patterns=[*CONFIGURATION]))
        except (LocalEntryNotFoundError, OfflineModeIsEnabled, HfHubHTTPError, ConnectionError) as error:
            raise UserError(
                f"model file {str(self.path)!r} is a {self._label}, whose configuration "
                f"({self.configuration}) is not in the local cache, and the hub could not be reached; "
                "load it once with a network, or name a folder in diffusers' format"
            ) from error

    @cached_property
    def _lacking(self) -> Mapping[str, Any]:
        """Text encoders and autoencoder that are not in the file → their classes."""
        import diffusers
        import transformers

        path = self._folder / "model_index.json"
        try:
            index = read_json(path)
        except (OSError, ValueError) as error:
            raise UserError(f"{str(path)!r} is damaged; remove it, and it is fetched anew") from error
        lacking: dict[str, Any] = {}
        for part, entry in index.items():
            if part != "vae" and not part.startswith("text_encoder"):
                continue
            library, class_name = entry
            if library is None or self._holds(part, class_name):
                continue
            if not find_weight_files(self._folder / part).of(None):
                raise UserError(
                    f"model file {str(self.path)!r} is a {self._label} without its {part} ({class_name}), and no "
                    f"safetensors file of the one of {self.configuration} is in the local cache; wanted a checkpoint "
                    "with all its components, or a folder in diffusers' format"
                )
            lacking[part] = getattr(diffusers if library == "diffusers" else transformers, class_name)
        return lacking

    def _holds(self, part: str, class_name: str) -> bool:
        if part == "vae":
            prefixes: tuple[str, ...] = AUTOENCODER
        else:
            prefixes = CLIP if class_name.startswith("CLIP") else T5
        return any(name.startswith(prefixes) for name in self._shapes)

    @property
    def _label(self) -> str:
        return f"checkpoint for {PIPELINES[self.type]}"


def _infer_type(path: Path, shapes: dict[str, tuple[int, ...]]) -> str:
    from diffusers.loaders.single_file_utils import infer_diffusers_model_type

    if kind := kind_of_weights(shapes):
        how = {"LoRA": "--lora", "embedding": "--embedding"}.get(kind)
        right = f"name the model with --model, and this with {how}" if how else "load it into a pipeline of your own"
        raise UserError(f"model file {str(path)!r} is {_with_article(kind)}, not a model; {right}")
    kind = infer_diffusers_model_type({name: torch.empty(shape, device="meta") for name, shape in shapes.items()})
    if kind in NEEDS_AN_IMAGE:
        raise UserError(f"model file {str(path)!r} is {NEEDS_AN_IMAGE[kind]}; wanted a text-to-image checkpoint")
    if kind not in PIPELINES or not any(name.startswith(DENOISERS) for name in shapes):
        what = f"looks like {kind}" if kind != "v1" else "holds no denoiser under a name that is known"
        raise UserError(
            f"model file {str(path)!r} {what}; wanted a checkpoint of Stable Diffusion 1.x to 3.5 or Flux.1, or a "
            "folder in diffusers' format"
        )
    return str(kind)


def _with_article(kind: str) -> str:
    return f"an {kind}" if kind[0] in "eI" else f"a {kind}"


def _configuration(kind: str) -> str:
    from diffusers.loaders.single_file_utils import DIFFUSERS_DEFAULT_PIPELINE_PATHS

    return str(DIFFUSERS_DEFAULT_PIPELINE_PATHS[kind]["pretrained_model_name_or_path"])
