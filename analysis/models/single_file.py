"""A single .safetensors checkpoint: which family it is of, by the names and shapes of its tensors, and its pipeline."""

from pathlib import Path
from typing import Any

import torch

from whichway.analysis.errors import UserError
from whichway.analysis.models.weight_files import kind_of_weights, read_shapes

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
        shapes = read_shapes(path)
        self.type = _infer_type(path, shapes)
        self.parameters = {"checkpoint": sum(torch.Size(shape).numel() for shape in shapes.values())}
        self.configuration = _configuration(self.type)

    @property
    def denoiser(self) -> str:
        return (
            "unet"
            if "StableDiffusion3" not in PIPELINES[self.type] and "Flux" not in PIPELINES[self.type]
            else "transformer"
        )

    def load(self, dtype: torch.dtype, options: dict[str, Any]) -> Any:
        """The pipeline.

        Raises:
            UserError: its configuration is neither cached nor reachable; it lacks a component.
        """
        import diffusers
        from diffusers.loaders.single_file_utils import SingleFileComponentError
        from huggingface_hub.errors import HfHubHTTPError, LocalEntryNotFoundError, OfflineModeIsEnabled

        pipeline_class = getattr(diffusers, PIPELINES[self.type])
        try:
            return pipeline_class.from_single_file(str(self.path), torch_dtype=dtype, **options)
        except SingleFileComponentError as error:
            component = str(error).split("Failed to load ")[-1].split(".")[0]
            raise UserError(
                f"model file {str(self.path)!r} is a {self._label} without its {component}, and "
                f"{self.configuration}, which has one, is not in the local cache; wanted a checkpoint with all its "
                "components, or a folder in diffusers' format"
            ) from error
        except (LocalEntryNotFoundError, OfflineModeIsEnabled, HfHubHTTPError, ConnectionError) as error:
            raise UserError(
                f"model file {str(self.path)!r} is a {self._label}, whose configuration "
                f"({self.configuration}) is not in the local cache, and the hub could not be reached; "
                "load it once with a network, or name a folder in diffusers' format"
            ) from error

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
