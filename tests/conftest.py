"""Shared fixtures. Shape annotations are enforced here and only here."""

import os

os.environ["HF_HUB_OFFLINE"] = "1"  # before anything reads it: no test may depend on a network

import jaxtyping

from tests import typechecker  # noqa: F401 - named in the hook below

jaxtyping.install_import_hook(["whichway.geometry", "whichway.analysis"], "tests.typechecker.check")

from pathlib import Path

import pytest
import torch

from whichway.geometry import PointCloud


@pytest.fixture
def unchecked_shapes(monkeypatch: pytest.MonkeyPatch) -> None:
    """Without the annotations' enforcement: what a user's wrong input meets."""
    monkeypatch.setattr(jaxtyping.config, "jaxtyping_disable", True)


def random_cloud(n: int, d: int, seed: int, *, weighted: bool = False) -> PointCloud:
    generator = torch.Generator().manual_seed(seed)
    rows = torch.randn(n, d, generator=generator, dtype=torch.float64)
    if not weighted:
        return PointCloud(rows)
    return PointCloud(rows, torch.rand(n, generator=generator, dtype=torch.float64) + 0.1)


@pytest.fixture(scope="session")
def tiny_pipeline_folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Stable Diffusion's classes with random weights and one tiny layer of each kind: loads and renders in no time."""
    from diffusers import AutoencoderKL, DDIMScheduler, StableDiffusionPipeline, UNet2DConditionModel
    from transformers import CLIPTextConfig, CLIPTextModel

    from whichway.miniature import MODEL
    from whichway.miniature.tokenizer import load_tokenizer

    torch.manual_seed(0)
    tokenizer = load_tokenizer(MODEL)
    special = {"bos_token_id": tokenizer.bos_token_id, "eos_token_id": tokenizer.eos_token_id}
    text = CLIPTextConfig(
        vocab_size=len(tokenizer),
        hidden_size=16,
        intermediate_size=32,
        num_hidden_layers=1,
        num_attention_heads=2,
        pad_token_id=tokenizer.pad_token_id,
        **special,
    )
    pipeline = StableDiffusionPipeline(
        vae=AutoencoderKL(block_out_channels=[8], norm_num_groups=4, latent_channels=4),
        text_encoder=CLIPTextModel(text),
        tokenizer=tokenizer,
        unet=UNet2DConditionModel(
            sample_size=16,
            block_out_channels=[8, 16],
            down_block_types=["DownBlock2D", "CrossAttnDownBlock2D"],
            up_block_types=["CrossAttnUpBlock2D", "UpBlock2D"],
            layers_per_block=1,
            norm_num_groups=4,
            attention_head_dim=2,
            cross_attention_dim=16,
        ),
        scheduler=DDIMScheduler(beta_schedule="scaled_linear", clip_sample=False, steps_offset=1),
        safety_checker=None,
        feature_extractor=None,
        requires_safety_checker=False,
    )
    with torch.no_grad():  # so that another text is another image, also in whole levels of 255
        for name, parameter in pipeline.unet.named_parameters():
            if name.endswith("attn2.to_v.weight"):
                parameter *= 8
    folder = tmp_path_factory.mktemp("models") / "tiny"
    pipeline.save_pretrained(folder)
    return folder


@pytest.fixture(scope="session")
def tiny_model():
    """Family → a model of it with random weights, built once; tests leave it as it was."""
    from functools import cache

    from tests.tiny_pipelines import BUILDERS
    from whichway.analysis.models.model import Model

    return cache(lambda family: Model(f"tiny {family}", BUILDERS[family]()))
