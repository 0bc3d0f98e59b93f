"""Image, caption → how well they go together: the cosine of a CLIP's two embeddings (arXiv:2103.00020)."""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
from typing import Any

import numpy as np
import torch
import torch.nn.functional as F
from jaxtyping import Float, UInt8

from whichway.analysis.fidelity.world import at_world_size
from whichway.analysis.quiet import quiet_libraries
from whichway.analysis.smoothness.feature_space import channels_first
from whichway.miniature import MODEL

Images = UInt8[np.ndarray, "frames height width 3"]
Embeddings = Float[torch.Tensor, "n features"]

#: CLIPs of the hub that score images where one of them is on the disk already; nothing is downloaded for a score
CLIPS = ("openai/clip-vit-large-patch14", "openai/clip-vit-base-patch16", "openai/clip-vit-base-patch32")
MEAN, DEVIATION = (0.48145466, 0.4578275, 0.40821073), (0.26862954, 0.26130258, 0.27577711)  # of CLIP's training images
BATCH = 64


@dataclass(frozen=True, eq=False)
class TextImageScorer:
    """Two towers that were trained together: captions and pictures that belong together point the same way.

    Attributes:
        name: whose towers they are.
    """

    name: str
    text: Any
    vision: Any

    def score(self, images: Images, captions: Sequence[str]) -> Float[np.ndarray, "frames captions"]:
        """Cosine of every image with every caption, in [−1, 1]. Comparable only among scores of the same towers."""
        with torch.inference_mode():
            pictures = torch.cat([self.vision(images[first : first + BATCH]) for first in range(0, len(images), BATCH)])
            texts = self.text(captions)
        return (F.normalize(pictures.double(), dim=1) @ F.normalize(texts.double(), dim=1).T).numpy()


@cache
def miniature_towers() -> TextImageScorer:
    """The towers that the shipped miniature's text encoder is one of; its vision tower lies beside the model."""
    from safetensors.torch import load_file
    from transformers import CLIPTextModel, CLIPVisionModelWithProjection

    from whichway.miniature.tokenizer import load_tokenizer
    from whichway.miniature.train_autoencoder import to_unit_range
    from whichway.miniature.train_towers import tokenize

    folder, tokenizer = MODEL.parent / "vision_tower", load_tokenizer(MODEL)
    with quiet_libraries():
        vision_tower = CLIPVisionModelWithProjection.from_pretrained(folder, dtype=torch.float32).eval()
        text_tower = CLIPTextModel.from_pretrained(MODEL / "text_encoder", dtype=torch.float32).eval()
    projection = load_file(folder / "text_projection.safetensors")["text_projection.weight"].float()

    def text(captions: Sequence[str]) -> Embeddings:
        return text_tower(tokenize(tokenizer, list(captions))).pooler_output @ projection.T

    def vision(images: Images) -> Embeddings:
        return vision_tower(to_unit_range(at_world_size(images))).image_embeds

    return TextImageScorer("the miniature's towers", text, vision)


@cache
def installed_clip() -> TextImageScorer | None:
    """The first of :data:`CLIPS` that is in the hub's cache on this machine; None where there is none."""
    from huggingface_hub import try_to_load_from_cache

    for name in CLIPS:
        if isinstance(try_to_load_from_cache(name, "model.safetensors"), str):
            return load_clip(name)
    return None


def load_clip(name: str) -> TextImageScorer:
    """The towers of a CLIP in transformers' format, a local folder or what the hub's cache holds; no downloads."""
    from transformers import CLIPModel, CLIPTokenizer

    with quiet_libraries():
        clip = CLIPModel.from_pretrained(name, local_files_only=True, use_safetensors=True, dtype=torch.float32).eval()
        tokenizer = CLIPTokenizer.from_pretrained(name, local_files_only=True)
    side, positions = clip.config.vision_config.image_size, clip.config.text_config.max_position_embeddings
    mean, deviation = (torch.tensor(values)[:, None, None] for values in (MEAN, DEVIATION))

    def text(captions: Sequence[str]) -> Embeddings:
        tokens = tokenizer(list(captions), padding=True, truncation=True, max_length=positions, return_tensors="pt")
        return clip.text_projection(clip.text_model(**tokens).pooler_output)

    def vision(images: Images) -> Embeddings:
        """As CLIP was trained: the shorter side resized (bicubic), the middle square, normalised."""
        x = channels_first(images)
        scale = side / min(x.shape[-2:])
        size = [max(side, round(length * scale)) for length in x.shape[-2:]]
        x = F.interpolate(x, size=size, mode="bicubic", antialias=True).clamp(0, 1)
        top, left = ((length - side) // 2 for length in size)
        x = (x[..., top : top + side, left : left + side] - mean) / deviation
        return clip.visual_projection(clip.vision_model(x).pooler_output)

    return TextImageScorer(f"CLIP ({name})", text, vision)
