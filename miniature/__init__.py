"""A miniature Stable Diffusion: the world it lives in, how it was trained, and where its weights are."""

from pathlib import Path

#: The shipped weights, in diffusers' folder format: ``StableDiffusionPipeline.from_pretrained(MODEL)``.
MODEL = Path(__file__).parent / "model"
