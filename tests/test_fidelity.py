"""Fidelity falls where frames are mush; the kernel distance is the published one."""

from dataclasses import replace
from types import SimpleNamespace

import numpy as np
import pytest
import torch
from PIL import Image

from whichway.analysis.fidelity import frame_fidelity, text_image
from whichway.analysis.fidelity.frame_fidelity import (
    OF_FRAMES,
    describe_instruments,
    mean_fidelity,
    measure_fidelity,
    nearer_caption_score,
)
from whichway.analysis.fidelity.kernel_distance import kernel_distance, kernel_features, painted_features
from whichway.analysis.fidelity.scene_agreement import scene_agreement
from whichway.analysis.fidelity.text_image import TextImageScorer, load_clip, miniature_towers
from whichway.analysis.fidelity.world import draws_the_world, scene_confidence
from whichway.analysis.study.kernel_distances import compare_pools
from whichway.miniature import MODEL
from whichway.miniature.captions import plain_caption
from whichway.miniature.judge import ANSWERS, load_judge
from whichway.miniature.painter import paint
from whichway.miniature.tokenizer import load_tokenizer
from whichway.miniature.world import Scene, sample_scene

FRAMES = 7
PAIRS = 24


def some_scenes(count: int, seed: int) -> list[Scene]:
    rng = np.random.default_rng([23, seed])
    return [sample_scene(rng, held_out=None, two_objects=0.5) for _ in range(count)]


def paintings(scenes: list[Scene], seed: int) -> np.ndarray:
    rng = np.random.default_rng([29, seed])
    return np.stack([paint(scene, rng) for scene in scenes])


A, B = some_scenes(PAIRS, 0), some_scenes(PAIRS, 1)
ENDS = paintings(A, 0), paintings(B, 1)
TIMES = np.linspace(0, 1, FRAMES)
MINIATURE = SimpleNamespace(tokenizer=load_tokenizer(MODEL))


def mush(pair: int) -> np.ndarray:
    """From A to B by blending pixels: the shortest way between two pictures, and nothing in between is one."""
    start, end = (pictures[pair].astype(float) for pictures in ENDS)
    return np.stack([np.round((1 - t) * start + t * end) for t in TIMES]).astype(np.uint8)


def real(pair: int) -> np.ndarray:
    """From A to B through the scene that has A's objects and B's background, each frame painted anew."""
    start, end = A[pair], B[pair]
    middle = replace(start, background=end.background)
    scenes = [start] * 3 + [middle] + [end] * 3
    frames = paintings(scenes, 100 + pair)
    frames[0], frames[-1] = ENDS[0][pair], ENDS[1][pair]
    return frames


def captions(pair: int) -> tuple[str, str]:
    return plain_caption(A[pair]), plain_caption(B[pair])


def test_a_path_whose_middle_is_mush_loses_on_every_measure_of_fidelity():
    def measured(path) -> dict[str, np.ndarray]:
        of_pairs = [measure_fidelity(path(p), TIMES.tolist(), captions(p), MINIATURE) for p in range(PAIRS)]
        return {name: np.array([of_pair[name] for of_pair in of_pairs]) for name in OF_FRAMES}

    good, bad = measured(real), measured(mush)
    for name in OF_FRAMES:
        assert good[name].mean() > bad[name].mean() + 0.05, name
        assert (good[name] > bad[name]).mean() > 0.8, name
    assert good["scene_confidence"].mean() > 0.98
    assert good["scene_agreement"].mean() > 0.85


def test_so_does_it_in_kernel_distance_though_it_is_perceptually_short():
    from whichway.analysis.smoothness.perceptual_distance import perceptual_distance

    pools = {
        name: {pair: kernel_features(path(pair)[1:-1]) for pair in range(PAIRS)}
        for name, path in (("identity", real), ("mush", mush))
    }
    compared = compare_pools(pools, painted_features())
    assert compared["identity"].low < 0.02 < compared["mush"].low
    assert compared["mush"].difference_low > 0
    assert compared["identity"].difference is None
    short, long = (
        np.mean([perceptual_distance("lpips", path(p)[:-1], path(p)[1:]).sum() for p in range(PAIRS)])
        for path in (mush, real)
    )
    assert short < long


def test_fidelity_is_of_the_frames_in_between_alone():
    frames, noise = mush(0), np.random.default_rng(0).integers(0, 256, (2, 64, 64, 3), dtype=np.uint8)
    other = frames.copy()
    other[[0, -1]] = noise
    measured = [measure_fidelity(each, TIMES.tolist(), captions(0), MINIATURE) for each in (frames, other)]
    assert measured[0] == measured[1]
    assert set(measured[0]) == set(OF_FRAMES)
    assert measure_fidelity(frames[:2], [0, 1], captions(0), MINIATURE) == dict.fromkeys(OF_FRAMES)


def test_the_nearer_end_is_the_one_that_the_text_is_asked_of():
    scores = np.array([[1.0, 0.0]] * 4)
    scorer = TextImageScorer("constant", None, None)
    object.__setattr__(scorer, "score", lambda images, captions: scores)
    times = np.array([0.25, 0.5, 0.50000000001, 0.75])
    assert nearer_caption_score(scorer, np.zeros((4, 8, 8, 3), np.uint8), times, ("a", "b")).tolist() == [
        1,
        0.5,
        0.5,
        0,
    ]


def test_another_model_has_no_judge_and_says_who_measures(monkeypatch):
    other = SimpleNamespace(tokenizer=type("Tokenizer", (), {"__len__": lambda self: 49_408})())
    assert draws_the_world(MINIATURE)
    assert not draws_the_world(other)
    assert not draws_the_world(SimpleNamespace())
    monkeypatch.setattr(frame_fidelity, "installed_clip", lambda: None)
    assert measure_fidelity(mush(0), TIMES.tolist(), captions(0), other) == dict.fromkeys(OF_FRAMES)
    assert describe_instruments(other) == dict.fromkeys(OF_FRAMES)
    monkeypatch.setattr(frame_fidelity, "installed_clip", miniature_towers)
    measured = measure_fidelity(real(0), TIMES.tolist(), captions(0), other)
    assert measured["scene_confidence"] is measured["scene_agreement"] is None
    assert measured["text_image_score"] > 0.5
    assert describe_instruments(other)["text_image_score"] == "the miniature's towers"


def test_the_mean_of_legs_is_missing_where_one_is():
    full = dict.fromkeys(OF_FRAMES, 0.5)
    assert mean_fidelity([full, dict.fromkeys(OF_FRAMES, 1.0)]) == dict.fromkeys(OF_FRAMES, 0.75)
    assert mean_fidelity([full, dict.fromkeys(OF_FRAMES)]) == dict.fromkeys(OF_FRAMES)


# --- the instruments --------------------------------------------------------------------------------------------------


def test_the_judge_that_is_shipped_knows_the_world():
    pictures = np.concatenate(ENDS)
    assert load_judge().scenes(pictures) == [*A, *B]
    assert scene_confidence(pictures).mean() > 0.98


def test_confidence_is_the_likeliest_scene_of_all():
    """Enumerated for the logits of a judge that is sure of nothing: every scene of the world, one after the other."""
    judge = load_judge()
    generator = torch.Generator().manual_seed(0)
    logits = {name: torch.randn(2, len(known), generator=generator) for name, known in ANSWERS.items()}
    logits["second"][:, 1:] = logits["first"]  # so that the likeliest two would be the same object twice
    logits["arrangement"][1, 0] = -5  # the second picture shows two
    likely = {name: values.double().softmax(dim=1).numpy() for name, values in logits.items()}
    objects = np.arange(len(ANSWERS["first"]))
    expected = []
    for k in range(2):
        p = {name: values[k] for name, values in likely.items()}
        one = p["arrangement"][0] * p["second"][0] * p["first"].max() * p["background"].max()
        one *= p["size"].max() * p["position"].max()
        two = max(p["first"][i] * p["second"][1 + j] for i in objects for j in objects if i != j)
        expected.append(max(one, two * p["arrangement"][1:].max() * p["background"].max()))
    certain = type("Certain", (), {"__call__": lambda self, pictures: logits, "parameters": judge.parameters})()
    assert type(judge).confidence(certain, np.zeros((2, 64, 64, 3), np.uint8)) == pytest.approx(expected)


def test_larger_pictures_are_seen_at_the_worlds_size():
    pictures = ENDS[0][:4]
    large = pictures.repeat(2, axis=1).repeat(2, axis=2)
    assert scene_confidence(large) == pytest.approx(scene_confidence(pictures), abs=0.05)
    assert scene_agreement(large) == pytest.approx(scene_agreement(pictures), abs=0.1)


def test_the_towers_prefer_a_pictures_own_caption():
    scores = miniature_towers().score(ENDS[0], [plain_caption(scene) for scene in A])
    assert (scores.argmax(axis=1) == np.arange(PAIRS)).mean() > 0.8


def test_a_clip_on_the_disk_scores_as_transformers_does(tmp_path):
    """Random weights in the real classes; the pictures prepared by Pillow, as CLIP's authors prepare them."""
    from transformers import CLIPConfig, CLIPModel

    tokenizer = load_tokenizer(MODEL)
    torch.manual_seed(0)
    text = {"vocab_size": len(tokenizer), "hidden_size": 32, "intermediate_size": 64, "num_hidden_layers": 1}
    text |= {"num_attention_heads": 2, "bos_token_id": tokenizer.bos_token_id, "eos_token_id": tokenizer.eos_token_id}
    vision = {"hidden_size": 32, "intermediate_size": 64, "num_hidden_layers": 1, "num_attention_heads": 2}
    vision |= {"image_size": 32, "patch_size": 8}
    config = CLIPConfig(text_config=text, vision_config=vision, projection_dim=16)
    clip = CLIPModel(config).eval()
    clip.save_pretrained(tmp_path)
    tokenizer.save_pretrained(tmp_path)

    pictures = (
        np.random.default_rng(0).integers(0, 256, (2, 8, 12, 3), dtype=np.uint8).repeat(9, axis=1).repeat(9, axis=2)
    )
    texts = ["a fox", "a panda on a pink background"]
    prepared = []
    for picture in pictures:
        resized = Image.fromarray(picture).resize((48, 32), Image.Resampling.BICUBIC).crop((8, 0, 40, 32))
        x = np.asarray(resized, float) / 255
        prepared.append((x - text_image.MEAN) / text_image.DEVIATION)
    pixels = torch.tensor(np.stack(prepared), dtype=torch.float32).permute(0, 3, 1, 2)
    with torch.inference_mode():
        seen = clip(**tokenizer(texts, padding=True, return_tensors="pt"), pixel_values=pixels)
        expected = (seen.logits_per_image / clip.logit_scale.exp()).numpy()
    assert load_clip(str(tmp_path)).score(pictures, texts) == pytest.approx(expected, abs=0.01)


# --- the kernel distance ----------------------------------------------------------------------------------------------


def test_the_kernel_distance_is_torchmetrics():
    """Of equally many rows, which is all that torchmetrics takes."""
    from torchmetrics.image.kid import poly_mmd

    x, y = np.random.default_rng(0).normal(size=(2, 30, 8))
    y += 0.5
    assert kernel_distance(x, y) == pytest.approx(float(poly_mmd(torch.tensor(x), torch.tensor(y))))


def test_the_kernel_distance_is_its_definition():
    rng = np.random.default_rng(1)
    x, y, groups = rng.normal(size=(6, 3)), rng.normal(size=(4, 3)) + 1, "aabbbc"

    def k(a, b):
        return (a @ b / 3 + 1) ** 3

    within_x = np.mean([k(x[i], x[j]) for i in range(6) for j in range(6) if groups[i] != groups[j]])
    within_y = np.mean([k(y[i], y[j]) for i in range(4) for j in range(4) if i != j])
    across = np.mean([k(a, b) for a in x for b in y])
    assert kernel_distance(x, y, groups=list(groups)) == pytest.approx(within_x + within_y - 2 * across)


def test_the_kernel_distance_is_unbiased():
    rng = np.random.default_rng(2)
    samples = [kernel_distance(*rng.normal(size=(2, 10, 4))) for _ in range(1000)]
    assert abs(np.mean(samples)) < 4 * np.std(samples) / 1000**0.5
    assert min(samples) < 0


def test_frames_of_one_path_have_no_distribution():
    with pytest.raises(ValueError, match="at least two groups"):
        kernel_distance(np.ones((5, 2)), np.ones((5, 2)), groups=[0] * 5)


def test_pools_are_the_kernel_distance_and_pairs_are_drawn_together():
    rng = np.random.default_rng(3)
    wanders = rng.normal(size=(20, 1, 5))
    pools = {
        name: dict(enumerate(wanders + shift + 0.1 * rng.normal(size=(20, 4, 5))))
        for name, shift in (("identity", 0.0), ("optimal", 0.3))
    }
    real_rows = rng.normal(size=(50, 5))
    compared = compare_pools(pools, real_rows)
    rows = np.concatenate([*pools["optimal"].values()])
    groups = [pair for pair in range(20) for _ in range(4)]
    assert compared["optimal"].value == pytest.approx(kernel_distance(rows, real_rows, groups=groups))
    assert compared["optimal"].low < compared["optimal"].value < compared["optimal"].high
    difference = compared["optimal"]
    assert difference.difference == pytest.approx(difference.value - compared["identity"].value)
    paired = difference.difference_high - difference.difference_low
    assert paired < difference.high - difference.low
