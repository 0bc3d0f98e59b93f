"""How large models are, counted; with a GPU, how fast, measured: their classes from the published configurations.

    python -m benchmarks.model_sizes                  # prints the table of sizes that docs/models.md holds
    python -m benchmarks.model_sizes --device cuda    # that of seconds, with random weights: time follows from shapes

Parameters and floating-point operations are counted on torch's meta device, without memory (``FlopCounterMode``): of
one pass of the denoiser over one image at the model's own size, times the passes that its pipeline makes by default,
and of the decoder.
"""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from statistics import median
from time import perf_counter

import click
import torch
from torch.utils.flop_counter import FlopCounterMode

TIMED = 5  # passes, after two to warm up
HEADER = ("model", "text encoders", "denoiser", "autoencoder", "16 bits, all", "16 bits, without text encoders")
HEADER = (*HEADER, "TFLOPs a pass", "passes", "TFLOPs a frame")


@dataclass(frozen=True)
class Architecture:
    """Attributes:
    text: builds the text encoders, which run once for each prompt.
    denoiser: builds it and the arguments of one pass over one image.
    passes: of the denoiser for each image, by the pipeline's own defaults: steps × 2 where guidance takes two.
    latents: (channels, side) of one image.
    vae: builds the autoencoder.
    """

    name: str
    text: tuple[Callable[[], torch.nn.Module], ...]
    denoiser: Callable[[], tuple[torch.nn.Module, dict]]
    passes: int
    latents: tuple[int, int]
    vae: Callable[[], torch.nn.Module]


def _random(*shape: int) -> torch.Tensor:
    return torch.randn(shape)  # on the device that is being built on


def clip_l() -> torch.nn.Module:
    from transformers import CLIPTextConfig, CLIPTextModel

    return CLIPTextModel(CLIPTextConfig(hidden_size=768, intermediate_size=3072, num_attention_heads=12))


def clip_g() -> torch.nn.Module:
    from transformers import CLIPTextConfig, CLIPTextModelWithProjection

    sizes = {"hidden_size": 1280, "intermediate_size": 5120, "projection_dim": 1280}
    return CLIPTextModelWithProjection(CLIPTextConfig(**sizes, num_hidden_layers=32, num_attention_heads=20))


def t5_xxl() -> torch.nn.Module:
    from transformers import T5Config, T5EncoderModel

    sizes = {"d_model": 4096, "d_kv": 64, "d_ff": 10240, "num_layers": 24, "num_heads": 64}
    return T5EncoderModel(T5Config(**sizes, feed_forward_proj="gated-gelu"))


def gemma_2() -> torch.nn.Module:
    from transformers import Gemma2Config, Gemma2Model

    return Gemma2Model(Gemma2Config())


def stable_diffusion_1() -> tuple[torch.nn.Module, dict]:
    from diffusers import UNet2DConditionModel

    unet = UNet2DConditionModel(sample_size=64, cross_attention_dim=768, attention_head_dim=8)
    return unet, {"sample": _random(1, 4, 64, 64), "timestep": _random(1), "encoder_hidden_states": _random(1, 77, 768)}


def stable_diffusion_xl() -> tuple[torch.nn.Module, dict]:
    from diffusers import UNet2DConditionModel

    unet = UNet2DConditionModel(
        sample_size=128,
        block_out_channels=(320, 640, 1280),
        down_block_types=("DownBlock2D", "CrossAttnDownBlock2D", "CrossAttnDownBlock2D"),
        up_block_types=("CrossAttnUpBlock2D", "CrossAttnUpBlock2D", "UpBlock2D"),
        transformer_layers_per_block=(1, 2, 10),
        attention_head_dim=(5, 10, 20),
        cross_attention_dim=2048,
        use_linear_projection=True,
        addition_embed_type="text_time",
        addition_time_embed_dim=256,
        projection_class_embeddings_input_dim=2816,
    )
    added = {"text_embeds": _random(1, 1280), "time_ids": _random(1, 6)}
    return unet, {
        "sample": _random(1, 4, 128, 128),
        "timestep": _random(1),
        "encoder_hidden_states": _random(1, 77, 2048),
        "added_cond_kwargs": added,
    }


def _stable_diffusion_3(layers: int, **config: object) -> tuple[torch.nn.Module, dict]:
    from diffusers import SD3Transformer2DModel

    transformer = SD3Transformer2DModel(
        sample_size=128,
        in_channels=16,
        out_channels=16,
        num_layers=layers,
        attention_head_dim=64,
        num_attention_heads=layers,
        caption_projection_dim=64 * layers,
        joint_attention_dim=4096,
        pooled_projection_dim=2048,
        qk_norm="rms_norm",
        **config,
    )
    return transformer, {
        "hidden_states": _random(1, 16, 128, 128),
        "timestep": _random(1),
        "encoder_hidden_states": _random(1, 333, 4096),
        "pooled_projections": _random(1, 2048),
    }


def stable_diffusion_35_medium() -> tuple[torch.nn.Module, dict]:
    return _stable_diffusion_3(24, pos_embed_max_size=384, dual_attention_layers=tuple(range(13)))


def stable_diffusion_35_large() -> tuple[torch.nn.Module, dict]:
    return _stable_diffusion_3(38, pos_embed_max_size=192)


def flux() -> tuple[torch.nn.Module, dict]:
    from diffusers import FluxTransformer2DModel

    return FluxTransformer2DModel(guidance_embeds=True), {
        "hidden_states": _random(1, 4096, 64),
        "timestep": _random(1),
        "guidance": _random(1),
        "encoder_hidden_states": _random(1, 512, 4096),
        "pooled_projections": _random(1, 768),
        "img_ids": _random(4096, 3),
        "txt_ids": _random(512, 3),
    }


def pixart_sigma() -> tuple[torch.nn.Module, dict]:
    from diffusers import PixArtTransformer2DModel

    return PixArtTransformer2DModel(
        sample_size=128, out_channels=8, caption_channels=4096, use_additional_conditions=False
    ), {
        "hidden_states": _random(1, 4, 128, 128),
        "timestep": _random(1),
        "encoder_hidden_states": _random(1, 300, 4096),
        "added_cond_kwargs": {"resolution": None, "aspect_ratio": None},
    }


def sana() -> tuple[torch.nn.Module, dict]:
    from diffusers import SanaTransformer2DModel

    return SanaTransformer2DModel(), {
        "hidden_states": _random(1, 32, 32, 32),
        "timestep": _random(1),
        "encoder_hidden_states": _random(1, 300, 2304),
    }


def kl_autoencoder(channels: int) -> Callable[[], torch.nn.Module]:
    from diffusers import AutoencoderKL

    return lambda: AutoencoderKL(
        block_out_channels=(128, 256, 512, 512),
        down_block_types=("DownEncoderBlock2D",) * 4,
        up_block_types=("UpDecoderBlock2D",) * 4,
        layers_per_block=2,
        latent_channels=channels,
        use_quant_conv=channels == 4,
        use_post_quant_conv=channels == 4,
    )


def sana_autoencoder() -> torch.nn.Module:
    from diffusers import AutoencoderDC

    return AutoencoderDC(
        encoder_block_types=("ResBlock",) * 3 + ("EfficientViTBlock",) * 3,
        decoder_block_types=("ResBlock",) * 3 + ("EfficientViTBlock",) * 3,
        encoder_qkv_multiscales=((), (), (), (5,), (5,), (5,)),
        decoder_qkv_multiscales=((), (), (), (5,), (5,), (5,)),
        encoder_layers_per_block=(2, 2, 2, 3, 3, 3),
        decoder_layers_per_block=(3, 3, 3, 3, 3, 3),
    )


ARCHITECTURES = (
    Architecture("Stable Diffusion 1.5", (clip_l,), stable_diffusion_1, 50 * 2, (4, 64), kl_autoencoder(4)),
    Architecture("SDXL", (clip_l, clip_g), stable_diffusion_xl, 50 * 2, (4, 128), kl_autoencoder(4)),
    Architecture(
        "Stable Diffusion 3.5 medium",
        (clip_l, clip_g, t5_xxl),
        stable_diffusion_35_medium,
        28 * 2,
        (16, 128),
        kl_autoencoder(16),
    ),
    Architecture(
        "Stable Diffusion 3.5 large",
        (clip_l, clip_g, t5_xxl),
        stable_diffusion_35_large,
        28 * 2,
        (16, 128),
        kl_autoencoder(16),
    ),
    Architecture("Flux.1 dev", (clip_l, t5_xxl), flux, 28, (16, 128), kl_autoencoder(16)),
    Architecture("PixArt-Σ", (t5_xxl,), pixart_sigma, 20 * 2, (4, 128), kl_autoencoder(4)),
    Architecture("Sana 1.6B", (gemma_2,), sana, 20 * 2, (32, 32), sana_autoencoder),
)


@dataclass(frozen=True)
class Size:
    """Attributes:
    text, denoiser, vae: parameters.
    flops: of one frame: all passes of the denoiser by the pipeline's defaults, and the decoder.
    per_pass, decoding: their parts.
    """

    text: int
    denoiser: int
    vae: int
    per_pass: int
    decoding: int
    passes: int

    @property
    def flops(self) -> int:
        return self.per_pass * self.passes + self.decoding


def count(architecture: Architecture) -> Size:
    with torch.device("meta"):
        denoiser, arguments = architecture.denoiser()
        vae = architecture.vae()
        text = sum(_parameters(encoder()) for encoder in architecture.text)
        latents = _random(1, architecture.latents[0], architecture.latents[1], architecture.latents[1])
    for module in (denoiser, vae):
        module.requires_grad_(False).eval()
    per_pass = _flops(lambda: denoiser(**arguments))
    decoding = _flops(lambda: vae.decode(latents))
    return Size(text, _parameters(denoiser), _parameters(vae), per_pass, decoding, architecture.passes)


def _flops(run: Callable[[], object]) -> int:
    with FlopCounterMode(display=False) as counter:
        run()
    return int(counter.get_total_flops())


def _parameters(module: torch.nn.Module) -> int:
    return sum(parameter.numel() for parameter in module.parameters())


@dataclass(frozen=True)
class Speed:
    """Attributes:
    per_pass, decoding: seconds, of one image.
    memory: bytes, the most that tensors took with denoiser and autoencoder in memory, text encoders freed.
    """

    per_pass: float
    decoding: float
    memory: int
    passes: int

    @property
    def frame(self) -> float:
        return self.per_pass * self.passes + self.decoding


def measure(architecture: Architecture, device: torch.device) -> Speed:
    """With random weights in bfloat16."""
    torch.cuda.empty_cache()
    torch.cuda.reset_peak_memory_stats(device)
    with device, default_dtype(torch.bfloat16):
        denoiser, arguments = architecture.denoiser()
        vae = architecture.vae()
        latents = _random(1, architecture.latents[0], architecture.latents[1], architecture.latents[1])
    for module in (denoiser, vae):
        module.requires_grad_(False).eval()
    per_pass = _seconds(lambda: denoiser(**arguments), device)
    decoding = _seconds(lambda: vae.decode(latents), device)
    return Speed(per_pass, decoding, torch.cuda.max_memory_allocated(device), architecture.passes)


@contextmanager
def default_dtype(dtype: torch.dtype) -> Iterator[None]:
    before = torch.get_default_dtype()
    torch.set_default_dtype(dtype)
    try:
        yield
    finally:
        torch.set_default_dtype(before)


@torch.inference_mode()
def _seconds(run: Callable[[], object], device: torch.device) -> float:
    times = []
    for _ in range(2 + TIMED):
        torch.cuda.synchronize(device)
        begun = perf_counter()
        run()
        torch.cuda.synchronize(device)
        times.append(perf_counter() - begun)
    return median(times[2:])


def table() -> Iterator[str]:
    yield f"| {' | '.join(HEADER)} |"
    yield "| --- " * len(HEADER) + "|"
    for architecture in ARCHITECTURES:
        yield row(architecture.name, count(architecture))


def table_of_speed(device: torch.device) -> Iterator[str]:
    yield f"| {torch.cuda.get_device_name(device)} | ms a pass | passes | ms to decode | s a frame | memory |"
    yield "| --- " * 6 + "|"
    for architecture in ARCHITECTURES:
        speed = measure(architecture, device)
        per_pass, decoding = (f"{1000 * seconds:.0f}" for seconds in (speed.per_pass, speed.decoding))
        cells = (per_pass, str(speed.passes), decoding, f"{speed.frame:.2f}", f"{speed.memory / 2**30:.1f} GiB")
        yield f"| {architecture.name} | {' | '.join(cells)} |"


def row(name: str, size: Size) -> str:
    rest = size.denoiser + size.vae
    cells = (
        *(f"{parameters / 1e6:,.0f} M" for parameters in (size.text, size.denoiser, size.vae)),
        *(f"{2 * parameters / 2**30:.1f} GiB" for parameters in (size.text + rest, rest)),
        f"{size.per_pass / 1e12:.2f}",
        str(size.passes),
        f"{size.flops / 1e12:,.0f}",
    )
    return f"| {name} | {' | '.join(cells)} |"


@click.command()
@click.option("--device", default="meta", show_default=True, help="meta: count; cuda: measure.")
def main(device: str) -> None:
    for line in table() if device == "meta" else table_of_speed(torch.device(device)):
        print(line, flush=True)


if __name__ == "__main__":
    main()
