"""Stage (d): the denoiser, latents and captions to v-predictions, on the frozen autoencoder and text tower."""

import hashlib
from collections.abc import Sequence
from functools import cache, partial
from pathlib import Path

import numpy as np
import torch
import torch.nn.functional as F
from diffusers import AutoencoderKL, DDIMScheduler, StableDiffusionPipeline, UNet2DConditionModel
from diffusers.models.attention_processor import AttnProcessor, AttnProcessor2_0
from tqdm.auto import trange
from transformers import CLIPTextModel

from whichway.miniature.captions import describe, plain_caption
from whichway.miniature.checkpoint import load_checkpoint
from whichway.miniature.judge import Judge, load_judge
from whichway.miniature.painter import paint
from whichway.miniature.probes import judge_samples, noise_floors
from whichway.miniature.tokenizer import load_tokenizer
from whichway.miniature.train_autoencoder import ARCHITECTURE as AUTOENCODER
from whichway.miniature.train_autoencoder import to_unit_range
from whichway.miniature.train_towers import WIDTH, tokenize
from whichway.miniature.training import Draw, Stage, pick_device, train
from whichway.miniature.world import Scene, sample_scene

ARCHITECTURE = {
    "sample_size": 16,
    "in_channels": AUTOENCODER["latent_channels"],
    "out_channels": AUTOENCODER["latent_channels"],
    "block_out_channels": [64, 128, 192],
    "down_block_types": ["DownBlock2D", "CrossAttnDownBlock2D", "CrossAttnDownBlock2D"],
    "up_block_types": ["CrossAttnUpBlock2D", "CrossAttnUpBlock2D", "UpBlock2D"],
    "layers_per_block": 1,
    "attention_head_dim": 4,
    "cross_attention_dim": WIDTH,
}
IMAGES = 256_000  # seen in training, however large the batch
BATCH = 32
SCENES = 48_000
TWO_OBJECTS = 0.45  # share of the scenes: who of two is who takes longest to learn
PURE_NOISE = 1 / 8  # share of a batch at the last level: where an object goes is decided there
PLAIN = 0.3  # share of plain captions
DROPPED = 0.1  # share of captions dropped, for classifier-free guidance
PROBED_EVERY = 96_000  # images


def stage(batch: int = BATCH, seed: int = 0) -> Stage:
    """Settings of the stage. A larger batch takes fewer steps, at a rate that grows with its square root."""
    return Stage(
        "unet" if seed == 0 else f"unet-seed{seed}",
        steps=IMAGES // batch,
        learning_rate=1e-3 * (batch / BATCH) ** 0.5,
        model=ARCHITECTURE,
        batch=batch,
        betas=(0.9, 0.99),
        ema_decay=0.999,
        cooldown=0.3,
        seed=seed,
    )


def noise_schedule() -> DDIMScheduler:
    """Stable Diffusion's betas rescaled to zero terminal SNR, v-prediction, trailing spacing (arXiv:2305.08891).

    So the level that sampling starts from, pure noise, is one that training has seen.
    """
    return DDIMScheduler(
        num_train_timesteps=1000,
        beta_start=0.00085,
        beta_end=0.012,
        beta_schedule="scaled_linear",
        rescale_betas_zero_snr=True,
        prediction_type="v_prediction",
        clip_sample=False,
        set_alpha_to_one=False,
        timestep_spacing="trailing",
        steps_offset=1,  # unused with this spacing; the pipeline warns without it
    )


@cache
def training_scene(index: int) -> Scene:
    """The index-th scene of the training set."""
    return sample_scene(np.random.default_rng([7, index]), two_objects=TWO_OBJECTS)


def cached_latents(autoencoder: AutoencoderKL, folder: Path, count: int = SCENES) -> torch.Tensor:
    """Scaled posterior means of the training set, (count, 8, 16, 16) float16, encoded once and kept in ``folder``.

    Another autoencoder's latents lie in another file.
    """
    weights = hashlib.sha256()
    for tensor in autoencoder.state_dict().values():
        weights.update(tensor.cpu().contiguous().numpy().tobytes())
    path = folder / f"latents-{count}-{weights.hexdigest()[:8]}.npy"
    if not path.is_file():
        aside = path.with_suffix(".partial.npy")
        np.save(aside, encode_scenes(autoencoder, range(count)).numpy(), allow_pickle=False)
        aside.replace(path)
    return torch.from_numpy(np.load(path, allow_pickle=False))


@torch.no_grad()
def encode_scenes(autoencoder: AutoencoderKL, indices: Sequence[int]) -> torch.Tensor:
    """Scaled posterior means of these scenes of the training set, (len(indices), c, 16, 16) float16."""
    chunks = []
    for first in trange(0, len(indices), 100, desc="latents", mininterval=2):
        pictures = np.stack(
            [paint(training_scene(index), np.random.default_rng([8, index])) for index in indices[first : first + 100]]
        )
        means = autoencoder.encode(to_unit_range(pictures).to(autoencoder.device)).latent_dist.mean
        chunks.append((means * autoencoder.config.scaling_factor).half().cpu())
    return torch.cat(chunks)


class DenoisingLoss:
    """The v-prediction error on fresh captions of the cached training scenes.

    An eighth of a batch is at pure noise, the rest at times drawn in proportion to t. Where an object goes is decided
    at the noisiest levels: on a grid of 16×16 nowhere else. Weights that spare them (min-SNR, arXiv:2303.09556, for
    this prediction) leave it unlearned, and times drawn evenly learn it too slowly.
    """

    def __init__(self, model: Path, latents: torch.Tensor, batch: int, scenes: Sequence[int] | None = None) -> None:
        """``scenes``: which scenes of the training set the latents are of; None: the first ones."""
        self.latents, self.batch = latents.to(pick_device()), batch
        self.scenes = range(len(latents)) if scenes is None else scenes
        self.tokenizer = load_tokenizer(model)
        self.text_encoder = CLIPTextModel.from_pretrained(model / "text_encoder", dtype=torch.float32)
        self.text_encoder.to(pick_device()).eval().requires_grad_(False)
        self.schedule = noise_schedule()

    def __call__(self, unet: UNet2DConditionModel, draw: Draw) -> tuple[torch.Tensor, dict[str, torch.Tensor]]:
        """The loss, and its part at pure noise, where the best prediction is the mean picture of a caption."""
        _, rng, generator = draw
        indices = rng.integers(0, len(self.latents), size=self.batch)
        clean = self.latents[torch.from_numpy(indices).to(unet.device)].float()
        captions = [training_caption(training_scene(self.scenes[index]), rng) for index in indices]
        with torch.no_grad():
            conditioning = self.text_encoder(tokenize(self.tokenizer, captions).to(unet.device)).last_hidden_state
        noise = torch.randn(clean.shape, generator=generator).to(unet.device)
        times = (1000 * torch.rand(self.batch, generator=generator).sqrt()).long()
        at_pure_noise = round(PURE_NOISE * self.batch)
        times[:at_pure_noise] = 999
        times = times.to(unet.device)
        noisy = self.schedule.add_noise(clean, noise, times).to(memory_format=torch.channels_last)
        velocity = self.schedule.get_velocity(clean, noise, times)
        errors = F.mse_loss(unet(noisy, times, conditioning).sample.float(), velocity, reduction="none").mean((1, 2, 3))
        return errors.mean(), {"pure_noise": errors[:at_pure_noise].mean().detach()}


def training_caption(scene: Scene, rng: np.random.Generator) -> str:
    """Nothing, the plain caption, or any other."""
    choice = rng.random()
    if choice < DROPPED:
        return ""
    return plain_caption(scene) if choice < DROPPED + PLAIN else describe(scene, rng)


def train_unet(checkpoints: Path, model: Path, *, batch: int = BATCH, seed: int = 0, steps: int | None = None) -> None:
    """Train and export the denoiser.

    Without ``torch.compile``: in bfloat16 on a CPU its gradients are not those of the plain module (torch 2.13; after
    24 steps the loss is 1.016 where the plain module's is 1.004).
    """
    device = pick_device()
    settings = stage(batch, seed) if steps is None else stage(batch, seed).of_length(steps)
    autoencoder = AutoencoderKL.from_pretrained(model / "vae", torch_dtype=torch.float32).to(device)
    loss = DenoisingLoss(model, cached_latents(autoencoder, checkpoints), batch)
    torch.manual_seed(seed)
    unet = train(
        settings,
        build_denoiser(device),
        loss,
        checkpoints,
        head={"floors": noise_floors(autoencoder)},
        probe=partial(probe_samples, model=model, judge=load_judge().to(device)),
        probed_every=PROBED_EVERY // batch,
    )
    export_pipeline(unet, model)


def build_denoiser(device: torch.device, architecture: dict = ARCHITECTURE) -> UNet2DConditionModel:
    """The denoiser with random weights, ready for training."""
    unet = UNet2DConditionModel(**architecture).to(device, memory_format=torch.channels_last)
    # The backward pass of fused attention is several times slower than the plain one's on a CPU.
    unet.set_attn_processor(AttnProcessor2_0() if device.type == "cuda" else AttnProcessor())
    return unet


def probe_samples(unet: UNet2DConditionModel, model: Path, judge: Judge) -> dict[str, float]:
    """What the judge sees in images of a denoiser that is in training."""
    return judge_samples(assemble(unet, model), judge)


def load_average(checkpoints: Path, batch: int = BATCH, seed: int = 0) -> tuple[UNet2DConditionModel, int]:
    """The averaged weights of a training that goes on, and the step they are of."""
    settings = stage(batch, seed)
    unet = UNet2DConditionModel(**ARCHITECTURE)
    state, step = load_checkpoint(checkpoints / f"{settings.name}.safetensors", config=settings.configuration)
    prefix = "average.module."
    unet.load_state_dict({name.removeprefix(prefix): v for name, v in state.items() if name.startswith(prefix)})
    return unet.eval(), step


def assemble(unet: UNet2DConditionModel, model: Path) -> StableDiffusionPipeline:
    """The pipeline of a denoiser and the parts in ``model``, in float32."""
    pipeline = StableDiffusionPipeline(
        vae=AutoencoderKL.from_pretrained(model / "vae", torch_dtype=torch.float32).to(unet.device),
        text_encoder=CLIPTextModel.from_pretrained(model / "text_encoder", dtype=torch.float32).to(unet.device),
        tokenizer=load_tokenizer(model),
        unet=unet,
        scheduler=noise_schedule(),
        safety_checker=None,
        feature_extractor=None,
        requires_safety_checker=False,
    )
    pipeline.set_progress_bar_config(disable=True)
    return pipeline


def export_pipeline(unet: UNet2DConditionModel, model: Path) -> None:
    """Write the denoiser in float16, the sampler, and the index that makes the folder a pipeline."""
    assemble(unet, model).save_config(model)
    noise_schedule().save_pretrained(model / "scheduler")
    unet.cpu().half().save_pretrained(model / "unet")
