"""Quantized weights through diffusers' own configuration: denoiser and text encoders, never the autoencoder."""

from collections.abc import Iterable
from importlib.util import find_spec
from typing import Any

import torch

from whichway.analysis.errors import UserError
from whichway.analysis.optional_packages import install_command

#: name → (backend of diffusers, package that it needs)
BACKENDS = {
    "bitsandbytes-8bit": ("bitsandbytes_8bit", "bitsandbytes"),
    "bitsandbytes-4bit": ("bitsandbytes_4bit", "bitsandbytes"),
    "quanto-int8": ("quanto", "optimum.quanto"),
}


def quantization_config(name: str, components: Iterable[str], dtype: torch.dtype) -> Any:
    """What ``from_pretrained`` takes as ``quantization_config``; None for "none".

    Args:
        components: of the pipeline, those that have weights.
        dtype: in which the quantized layers compute.

    Raises:
        UserError: the package that does it is not installed.
    """
    if name == "none":
        return None
    backend, package = BACKENDS[name]
    require_package(package, name)
    from diffusers import PipelineQuantizationConfig

    options: dict[str, dict[str, Any]] = {
        "bitsandbytes_8bit": {"load_in_8bit": True},
        "bitsandbytes_4bit": {
            "load_in_4bit": True,
            "bnb_4bit_quant_type": "nf4",
            "bnb_4bit_compute_dtype": dtype,
        },
    }
    chosen = [part for part in components if part != "vae"]
    if backend == "quanto":  # its two configurations differ in the name of their argument
        from diffusers import QuantoConfig
        from transformers import QuantoConfig as TextEncoderConfig

        return PipelineQuantizationConfig(
            quant_mapping={
                part: TextEncoderConfig(weights="int8")
                if part.startswith("text_encoder")
                else QuantoConfig(weights_dtype="int8")
                for part in chosen
            }
        )
    return PipelineQuantizationConfig(
        quant_backend=backend, quant_kwargs=options[backend], components_to_quantize=chosen
    )


def require_package(package: str, name: str) -> None:
    try:
        there = find_spec(package) is not None
    except ModuleNotFoundError:
        there = False
    if not there:
        distribution = package.replace(".", "-")
        command = install_command(distribution)
        raise UserError(f"quantize {name!r} needs the package {distribution}; install it with: {command}")
