"""A miniature Stable Diffusion: the world it lives in, how it was trained, and where its weights are.

Reading order: :mod:`whichway.miniature.world` (scenes) → :mod:`whichway.miniature.captions` (words) and
:mod:`whichway.miniature.painter` (pictures) → :mod:`whichway.miniature.tokenizer` →
:mod:`whichway.miniature.train_autoencoder` → :mod:`whichway.miniature.train_towers` →
:mod:`whichway.miniature.train_unet` → :mod:`whichway.miniature.contact_sheet` (look at what came out).
"""

from pathlib import Path

from platformdirs import user_cache_path

#: The shipped weights, in diffusers' folder format: ``StableDiffusionPipeline.from_pretrained(MODEL)``.
MODEL = Path(__file__).parent / "model"
#: Another denoiser for it, from another seed of its first weights and of the order of its data.
SECOND = Path(__file__).parent / "second"
#: What the shipped weights know, with the tables of their evaluation.
CARD = Path(__file__).parent / "MODEL_CARD.md"
#: How it is sampled where nobody says otherwise: enough steps for 64 × 64 pixels, guidance that suits its captions.
SAMPLING = {"num_inference_steps": 20, "guidance_scale": 3.0}
#: Resumable state of training, outside the repository: a fresh clone continues where another one stopped.
CHECKPOINTS = user_cache_path("whichway") / "training"
