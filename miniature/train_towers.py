"""Stage (b): CLIP. A causal text tower and a vision tower learn to agree on (caption, picture) pairs.

Agreement alone teaches so small a text tower what tells most pictures apart, and no more: after 1,300 steps a linear
probe of the end token's row found neither where an object is (0.40; guessing gives 0.40) nor which of two is where, and
a denoiser conditioned on those rows drew neither, however long it trained. So linear readers of the rows from the end
token on are trained along, and dropped afterwards: what they ask for stays in the rows.
"""

from pathlib import Path

import numpy as np
import torch
import torch.nn.functional as F
from safetensors.torch import save_file
from transformers import CLIPConfig, CLIPModel, CLIPTokenizer, CLIPVisionModelWithProjection

from whichway.miniature.captions import describe
from whichway.miniature.painter import RESOLUTION, paint
from whichway.miniature.tokenizer import POSITIONS, load_tokenizer, train_tokenizer
from whichway.miniature.train_autoencoder import to_unit_range
from whichway.miniature.training import Draw, Stage, train
from whichway.miniature.world import BACKGROUNDS, OBJECTS, RELATIONS, SIZES, Scene, sample_scene, vary
from whichway.miniature.world import POSITIONS as PLACES

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
#: what the readers of the text tower's rows are asked -> the possible answers
QUESTIONS = {
    "first": OBJECTS,  # the only object, the left one or the upper one
    "second": (None, *OBJECTS),
    "layout": (*PLACES, *RELATIONS),
    "size": SIZES,
    "background": BACKGROUNDS,
}
STAGE = Stage(
    "towers",
    steps=1_100,
    learning_rate=1e-3,
    batch=BATCH,
    model={"text": TEXT, "vision": VISION, "projection_dim": 128, "readers": list(QUESTIONS)},
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
    towers.readers = torch.nn.ModuleDict({asked: torch.nn.Linear(WIDTH, len(QUESTIONS[asked])) for asked in QUESTIONS})
    return towers


def draw_batch(rng: np.random.Generator) -> list[Scene]:
    """Random scenes, each with variants of itself: captions that only their layout, say, can tell apart.

    Among random scenes the first object and the background nearly always suffice.
    """
    scenes: list[Scene] = []
    while len(scenes) < BATCH:
        scene = sample_scene(rng, two_objects=0.5)
        scenes += [scene, *(vary(scene, rng) for _ in range(VARIANTS - 1))]
    return scenes


def answers(scene: Scene) -> dict[str, int]:
    """The scene's answers to ``QUESTIONS``, as indices of the possible ones."""
    first, second = (*scene.objects, None)[:2]
    values = {
        "first": first,
        "second": second,
        "layout": scene.relation or scene.position,
        "size": scene.size,
        "background": scene.background,
    }
    return {asked: QUESTIONS[asked].index(value) for asked, value in values.items()}


def reading_loss(readers: torch.nn.ModuleDict, rows: torch.Tensor, scenes: list[Scene]) -> torch.Tensor:
    """Mean cross-entropy of the readers' answers from ``rows`` (b, width), over the questions."""
    right = [answers(scene) for scene in scenes]
    losses = [
        F.cross_entropy(reader(rows).float(), torch.tensor([known[asked] for known in right], device=rows.device))
        for asked, reader in readers.items()
    ]
    return torch.stack(losses).mean()


def towers_loss(tokenizer: CLIPTokenizer):
    """Symmetric cross-entropy over the batch's caption–picture similarities (CLIP, arXiv:2103.00020, fig. 3), plus
    the readers' over what the captions say."""

    def loss_of(towers: CLIPModel, draw: Draw) -> torch.Tensor:
        _, rng, _ = draw
        scenes = draw_batch(rng)
        ids = tokenize(tokenizer, [describe(scene, rng) for scene in scenes]).to(towers.device)
        # Padding after the end token is invisible to it (the tower is causal): the longest caption's length suffices.
        longest = int((ids != tokenizer.eos_token_id).sum(dim=1).max()) + 1
        pictures = to_unit_range(np.stack([paint(scene, rng) for scene in scenes])).to(towers.device)
        seen = towers(input_ids=ids[:, :longest], pixel_values=pictures)
        logits = seen.logits_per_text.float()
        target = torch.arange(BATCH, device=logits.device)
        agreement = (F.cross_entropy(logits, target) + F.cross_entropy(logits.T, target)) / 2
        ended = (ids[:, :longest] == tokenizer.eos_token_id).float()[..., None]
        rows = (seen.text_model_output.last_hidden_state * ended).sum(dim=1) / ended.sum(dim=1)
        return agreement + reading_loss(towers.readers, rows, scenes)

    return loss_of


def train_towers(checkpoints: Path, model: Path) -> None:
    # A tokenizer that is there stays: the towers' checkpoint, and every later stage, are bound to its ids.
    tokenizer = load_tokenizer(model) if (model / "tokenizer").is_dir() else train_tokenizer(model)
    torch.manual_seed(STAGE.seed)
    towers = train(STAGE, build_towers(tokenizer), towers_loss(tokenizer), checkpoints).cpu().half()
    towers.text_model.save_pretrained(model / "text_encoder")
    # What only retrieval needs lies beside the pipeline, not in it.
    vision = CLIPVisionModelWithProjection(towers.config.vision_config).half()
    vision.vision_model, vision.visual_projection = towers.vision_model, towers.visual_projection
    vision.save_pretrained(model.parent / "vision_tower")
    save_file(
        {"text_projection.weight": towers.text_projection.weight.detach().contiguous()},
        model.parent / "vision_tower" / "text_projection.safetensors",
    )
