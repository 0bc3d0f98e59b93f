"""Stage (b): CLIP. A causal text tower and a vision tower learn to agree on (caption, picture) pairs."""

from pathlib import Path

import numpy as np
import torch
import torch.nn.functional as F
from safetensors.torch import save_file
from transformers import CLIPConfig, CLIPModel, CLIPTokenizer, CLIPVisionModelWithProjection

from miniature.captions import describe
from miniature.painter import RESOLUTION, paint
from miniature.tokenizer import POSITIONS, load_tokenizer, train_tokenizer
from miniature.train_autoencoder import to_unit_range
from miniature.training import Draw, Stage, train
from miniature.world import Scene, sample_scene, vary

WIDTH = 192
BATCH = 256
VARIANTS = 4  # scenes of a batch that differ from one another in one or two things only
TEXT = {
    "hidden_size": WIDTH,
    "intermediate_size": 4 * WIDTH,
    "num_hidden_layers": 4,
    "num_attention_heads": 4,
    "max_position_embeddings": POSITIONS,
}
VISION = {
    "hidden_size": 128,
    "intermediate_size": 512,
    "num_hidden_layers": 4,
    "num_attention_heads": 4,
    "image_size": RESOLUTION,
    "patch_size": 8,
}
STAGE = Stage(
    "towers",
    steps=1_300,
    learning_rate=1e-3,
    model={"text": TEXT, "vision": VISION, "projection_dim": 128},
    ema_decay=0.99,
    weight_decay=0.05,
)


def tokenize(tokenizer: CLIPTokenizer, captions: list[str]) -> torch.Tensor:
    """Token ids (b, 77), padded with the end token and cut at 77, as Stable Diffusion's pipeline does."""
    return tokenizer(captions, padding="max_length", truncation=True, return_tensors="pt").input_ids


def build_towers(tokenizer: CLIPTokenizer) -> CLIPModel:
    special = {
        "vocab_size": len(tokenizer),
        "bos_token_id": tokenizer.bos_token_id,
        "eos_token_id": tokenizer.eos_token_id,
        "pad_token_id": tokenizer.pad_token_id,
    }
    shared = {"projection_dim": STAGE.model["projection_dim"]}
    towers = CLIPModel(CLIPConfig(text_config=TEXT | special, vision_config=VISION | shared, **shared))
    # The backward pass of fused attention is several times slower than the plain one's on a CPU.
    towers.set_attn_implementation("sdpa" if torch.cuda.is_available() else "eager")
    return towers


def draw_batch(rng: np.random.Generator) -> list[Scene]:
    """Random scenes, each with variants of itself: captions that only their layout, say, can tell apart.

    Among random scenes the first object and the background nearly always suffice, and the text tower forgets the rest:
    after 600 steps on them no linear probe of its rows' mean found an object's position (0.41; guessing gives 0.40),
    so no denoiser could have put it there.
    """
    scenes: list[Scene] = []
    while len(scenes) < BATCH:
        scene = sample_scene(rng)
        scenes += [scene, *(vary(scene, rng) for _ in range(VARIANTS - 1))]
    return scenes


def contrastive_loss(tokenizer: CLIPTokenizer):
    """Symmetric cross-entropy over the batch's caption–picture similarities (CLIP, arXiv:2103.00020, fig. 3)."""

    def loss_of(towers: CLIPModel, draw: Draw) -> torch.Tensor:
        _, rng, _ = draw
        scenes = draw_batch(rng)
        ids = tokenize(tokenizer, [describe(scene, rng) for scene in scenes]).to(towers.device)
        # Padding after the end token is invisible to it (the tower is causal): the longest caption's length suffices.
        longest = int((ids != tokenizer.eos_token_id).sum(dim=1).max()) + 1
        pictures = to_unit_range(np.stack([paint(scene, rng) for scene in scenes])).to(towers.device)
        logits = towers(input_ids=ids[:, :longest], pixel_values=pictures).logits_per_text.float()
        target = torch.arange(BATCH, device=logits.device)
        return (F.cross_entropy(logits, target) + F.cross_entropy(logits.T, target)) / 2

    return loss_of


def train_towers(checkpoints: Path, model: Path) -> None:
    # A tokenizer that is there stays: the towers' checkpoint, and every later stage, are bound to its ids.
    tokenizer = load_tokenizer(model) if (model / "tokenizer").is_dir() else train_tokenizer(model)
    torch.manual_seed(STAGE.seed)
    towers = train(STAGE, build_towers(tokenizer), contrastive_loss(tokenizer), checkpoints).cpu().half()
    towers.text_model.save_pretrained(model / "text_encoder")
    # What only retrieval needs lies beside the pipeline, not in it.
    vision = CLIPVisionModelWithProjection(towers.config.vision_config).half()
    vision.vision_model, vision.visual_projection = towers.vision_model, towers.visual_projection
    vision.save_pretrained(model.parent / "vision_tower")
    save_file(
        {"text_projection.weight": towers.text_projection.weight.detach().contiguous()},
        model.parent / "vision_tower" / "text_projection.safetensors",
    )


if __name__ == "__main__":
    from miniature import MODEL

    train_towers(MODEL.parent / "checkpoints", MODEL)
