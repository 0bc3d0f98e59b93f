"""The shipped weights: what someone who has only diffusers gets, and whether it draws what it is told."""

import numpy as np
import pytest
import torch
from safetensors import safe_open
from safetensors.torch import load_file
from transformers import CLIPVisionModelWithProjection

from whichway.analysis.images.rendering import render
from whichway.analysis.images.sampling import Sampling
from whichway.analysis.models.model import load_model
from whichway.analysis.prompts.encoding import encode
from whichway.miniature import MODEL
from whichway.miniature.captions import plain_caption
from whichway.miniature.painter import ARTWORK
from whichway.miniature.train_autoencoder import to_unit_range
from whichway.miniature.train_towers import tokenize
from whichway.miniature.world import COLOURS, OBJECTS, Scene

VISION_TOWER = MODEL.parent / "vision_tower"


@pytest.fixture(scope="module")
def model():
    return load_model("miniature", device="cpu")


def test_the_folder_loads_with_plain_diffusers():
    from diffusers import StableDiffusionPipeline

    pipeline = StableDiffusionPipeline.from_pretrained(MODEL)
    assert pipeline.tokenizer.model_max_length == 77
    assert pipeline.text_encoder.config.hidden_size == pipeline.unet.config.cross_attention_dim


def test_weights_are_half_precision_safetensors_and_all_that_is_shipped_has_at_most_32_megabytes():
    folders = (MODEL, VISION_TOWER, ARTWORK)
    files = [path for folder in folders for path in folder.rglob("*") if path.is_file()]
    weights = [path for path in files if path.suffix == ".safetensors"]
    assert len(weights) == 5  # text encoder, UNet, autoencoder; vision tower and its projection beside the pipeline
    for path in weights:
        with safe_open(path, framework="pt") as file:
            assert {file.get_tensor(name).dtype for name in file.keys()} == {torch.float16}, path  # noqa: SIM118
    assert sum(path.stat().st_size for path in [*files, *MODEL.parent.glob("*.py")]) <= 32e6


def test_any_text_can_be_tokenised(model):
    tokenizer = model.pipeline.tokenizer
    for text in ("a fox", "Ünïcode 猫 🦊", "tabs\tand\nlines", "!?$%"):
        ids = tokenizer(text).input_ids
        assert tokenizer.unk_token_id not in ids[1:-1]


def test_backgrounds_are_the_colours_that_were_asked_for(model):
    """The border's median colour is nearest to the named one, for nearly all colours."""
    names = list(COLOURS)
    clouds = [encode(model, f"a fox on {'an' if name == 'orange' else 'a'} {name} background") for name in names]
    images = render(model, clouds, Sampling(seed=1, num_inference_steps=10))
    border = np.concatenate([images[:, :3].reshape(len(names), -1, 3), images[:, -3:].reshape(len(names), -1, 3)], 1)
    distances = np.linalg.norm(np.median(border, axis=1)[:, None] - np.array(list(COLOURS.values())), axis=-1)
    right = [names[nearest] == name for name, nearest in zip(names, distances.argmin(axis=1), strict=True)]
    assert sum(right) >= 9, dict(zip(names, right, strict=True))


def test_another_prompt_is_another_image(model):
    fox, panda = render(
        model, [encode(model, prompt) for prompt in ("a fox", "a panda")], Sampling(num_inference_steps=5)
    ).astype(int)
    assert np.abs(fox - panda).mean() > 10


@torch.inference_mode()
def test_the_objects_are_those_that_were_asked_for(model):
    """The vision tower, which saw painted scenes only, finds the caption of each image among all objects' captions."""
    captions = [plain_caption(Scene((name,), "white")) for name in OBJECTS]
    images = render(model, [encode(model, caption) for caption in captions[::3]], Sampling(seed=2))
    vision = CLIPVisionModelWithProjection.from_pretrained(VISION_TOWER, dtype=torch.float32).eval()
    projection = load_file(VISION_TOWER / "text_projection.safetensors")["text_projection.weight"].float()
    text = model.pipeline.text_encoder(tokenize(model.pipeline.tokenizer, captions)).pooler_output @ projection.T
    similarity = vision(to_unit_range(images)).image_embeds @ torch.nn.functional.normalize(text, dim=1).T
    found = [OBJECTS[index] for index in similarity.argmax(dim=1)]
    right = [name == asked for name, asked in zip(found, OBJECTS[::3], strict=True)]
    assert np.mean(right) >= 0.85, list(zip(OBJECTS[::3], found, strict=True))


def test_the_second_denoiser_is_another_one_of_the_same_pipeline_and_draws_what_is_asked():
    from whichway.analysis.models.accuracy import read_accuracy
    from whichway.miniature.judge import load_judge

    first, second = load_model(), load_model("miniature-second")
    assert first.fingerprint != second.fingerprint
    configurations = [dict(model.pipeline.unet.config) | {"_name_or_path": None} for model in (first, second)]
    assert configurations[0] == configurations[1]
    caption = "a large fox on a blue background"
    assert torch.equal(first.encode([caption])[0].cloud.rows, second.encode([caption])[0].cloud.rows)
    images = second.render(second.encode([caption]))
    assert load_judge().answer(images)["first"].tolist() == [OBJECTS.index("fox")]
    assert read_accuracy("miniature-second") != read_accuracy("miniature")
