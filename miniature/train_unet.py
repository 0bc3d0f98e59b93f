"""Stage (c): the denoiser, latents and captions to v-predictions, on the frozen autoencoder and text tower."""

from pathlib import Path

import numpy as np
import torch
import torch.nn.functional as F
from diffusers import AutoencoderKL, DDIMScheduler, StableDiffusionPipeline, UNet2DConditionModel
from diffusers.models.attention_processor import AttnProcessor, AttnProcessor2_0
from tqdm.auto import trange
from transformers import CLIPTextModel

from miniature.captions import describe
from miniature.checkpoint import load_checkpoint
from miniature.painter import paint
from miniature.tokenizer import load_tokenizer
from miniature.train_autoencoder import to_unit_range
from miniature.train_towers import WIDTH, tokenize
from miniature.training import Draw, Stage, pick_device, train
from miniature.world import Scene, sample_scene

ARCHITECTURE = {
    "sample_size": 16,
    "in_channels": 4,
    "out_channels": 4,
    "block_out_channels": [64, 128, 192],
    "down_block_types": ["DownBlock2D", "CrossAttnDownBlock2D", "CrossAttnDownBlock2D"],
    "up_block_types": ["CrossAttnUpBlock2D", "CrossAttnUpBlock2D", "UpBlock2D"],
    "layers_per_block": 1,
    "attention_head_dim": 4,
    "cross_attention_dim": WIDTH,
}
STAGE = Stage("unet", steps=27_800, learning_rate=5e-4, model=ARCHITECTURE, ema_decay=0.999, cooldown=0.08)
BATCH = 32
SCENES = 30_000
CAPTION_DROPOUT = 0.1


def noise_schedule() -> DDIMScheduler:
    """Stable Diffusion's betas with v-prediction, and a first sampling step that starts from pure noise."""
    return DDIMScheduler(
        num_train_timesteps=1000,
        beta_start=0.00085,
        beta_end=0.012,
        beta_schedule="scaled_linear",
        prediction_type="v_prediction",
        clip_sample=False,
        set_alpha_to_one=False,
        timestep_spacing="trailing",
        steps_offset=1,  # unused with this spacing; the pipeline warns without it
    )


def training_scene(index: int) -> tuple[Scene, np.random.Generator]:
    """The index-th scene of the training set and the generator that paints it."""
    rng = np.random.default_rng([7, index])
    return sample_scene(rng), rng


@torch.no_grad()
def cached_latents(autoencoder: AutoencoderKL, folder: Path, count: int = SCENES) -> np.ndarray:
    """Scaled posterior means of the training set, (count, 4, 16, 16) float16, encoded once and kept in ``folder``."""
    path = folder / f"latents-{count}.npy"
    if path.is_file():
        return np.load(path, mmap_mode="r", allow_pickle=False)
    chunks = []
    for first in trange(0, count, 100, desc="latents", mininterval=2):
        pictures = np.stack([paint(*training_scene(index)) for index in range(first, first + 100)])
        means = autoencoder.encode(to_unit_range(pictures).to(autoencoder.device)).latent_dist.mean
        chunks.append((means * autoencoder.config.scaling_factor).half().cpu().numpy())
    aside = path.with_suffix(".partial.npy")
    np.save(aside, np.concatenate(chunks), allow_pickle=False)
    aside.replace(path)
    return np.load(path, mmap_mode="r", allow_pickle=False)


class DenoisingLoss:
    """The v-prediction error on fresh captions of the cached training scenes, at times drawn in proportion to t.

    Where an object goes is decided at the noisiest levels: on a grid of 16×16 nowhere else. Weights that spare them
    (min-SNR, arXiv:2303.09556, for this prediction) leave it unlearned, and times drawn evenly learn it too slowly.
    """

    def __init__(self, model: Path, latents: np.ndarray) -> None:
        self.latents = latents
        self.tokenizer = load_tokenizer(model)
        self.text_encoder = CLIPTextModel.from_pretrained(model / "text_encoder", dtype=torch.float32)
        self.text_encoder.to(pick_device()).eval().requires_grad_(False)
        self.schedule = noise_schedule()

    def __call__(self, unet: UNet2DConditionModel, draw: Draw) -> torch.Tensor:
        _, rng, generator = draw
        indices = rng.integers(0, len(self.latents), size=BATCH)
        clean = torch.from_numpy(np.stack([self.latents[index] for index in indices])).float().to(unet.device)
        captions = [
            "" if rng.random() < CAPTION_DROPOUT else describe(training_scene(int(index))[0], rng) for index in indices
        ]
        with torch.no_grad():
            ids = tokenize(self.tokenizer, captions).to(unet.device)
            conditioning = self.text_encoder(ids).last_hidden_state
        noise = torch.randn(clean.shape, generator=generator).to(unet.device)
        times = (1000 * torch.rand(BATCH, generator=generator).sqrt()).long().to(unet.device)
        noisy = self.schedule.add_noise(clean, noise, times).to(memory_format=torch.channels_last)
        wanted = self.schedule.get_velocity(clean, noise, times)
        seen = unet(noisy, times, conditioning).sample.float()
        return F.mse_loss(seen, wanted)


def train_unet(checkpoints: Path, model: Path, *, compiled: bool = False) -> None:
    """Train and export the denoiser; ``compiled`` puts ``torch.compile`` before it: a third less time for each step."""
    device = pick_device()
    autoencoder = AutoencoderKL.from_pretrained(model / "vae", torch_dtype=torch.float32).to(device)
    loss = DenoisingLoss(model, cached_latents(autoencoder, checkpoints))
    torch.manual_seed(STAGE.seed)
    unet = UNet2DConditionModel(**ARCHITECTURE).to(memory_format=torch.channels_last)
    # The backward pass of fused attention is several times slower than the plain one's on a CPU.
    unet.set_attn_processor(AttnProcessor2_0() if device.type == "cuda" else AttnProcessor())
    if compiled:
        unet.compile()  # in place: the names of the weights stay, and the averaged copy stays uncompiled
    unet = train(STAGE, unet, loss, checkpoints)
    export_pipeline(unet, model)


def export_checkpoint(checkpoints: Path, model: Path) -> int:
    """Write the pipeline from the averaged weights of a training that goes on; returns the step they are of."""
    unet = UNet2DConditionModel(**ARCHITECTURE)
    state, step = load_checkpoint(checkpoints / f"{STAGE.name}.safetensors", config=STAGE.configuration)
    prefix = "average.module."
    unet.load_state_dict({name.removeprefix(prefix): v for name, v in state.items() if name.startswith(prefix)})
    export_pipeline(unet, model)
    return step


def export_pipeline(unet: UNet2DConditionModel, model: Path) -> None:
    """Write the denoiser in float16, the sampler, and the index that makes the folder a pipeline."""
    unet = unet.cpu().half()
    unet.save_pretrained(model / "unet")
    noise_schedule().save_pretrained(model / "scheduler")
    pipeline = StableDiffusionPipeline(
        vae=AutoencoderKL.from_pretrained(model / "vae"),
        text_encoder=CLIPTextModel.from_pretrained(model / "text_encoder"),
        tokenizer=load_tokenizer(model),
        unet=unet,
        scheduler=noise_schedule(),
        safety_checker=None,
        feature_extractor=None,
        requires_safety_checker=False,
    )
    pipeline.save_config(model)
