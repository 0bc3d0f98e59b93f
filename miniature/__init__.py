"""A miniature Stable Diffusion: the world it lives in, how it was trained, and where its weights are.

Reading order: :mod:`miniature.world` (scenes) → :mod:`miniature.captions` (words) and :mod:`miniature.painter`
(pictures) → :mod:`miniature.tokenizer` → :mod:`miniature.train_autoencoder` → :mod:`miniature.train_towers` →
:mod:`miniature.train_unet` → :mod:`miniature.contact_sheet` (look at what came out).
"""

from pathlib import Path

#: The shipped weights, in diffusers' folder format: ``StableDiffusionPipeline.from_pretrained(MODEL)``.
MODEL = Path(__file__).parent / "model"
#: Resumable state of training, not part of the distribution.
CHECKPOINTS = Path(__file__).parent / "checkpoints"
