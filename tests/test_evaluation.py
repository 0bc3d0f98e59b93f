"""The judge's questions and the shares that the evaluation reports, on scenes whose answers are known."""

import numpy as np
import pytest
import torch
from click.testing import CliRunner

from whichway.miniature import evaluate
from whichway.miniature.evaluate_images import generate, judged, worst_confusions
from whichway.miniature.evaluate_parts import Share, coupling_figures, draw_scenes, paint_all
from whichway.miniature.judge import ANSWERS, NOT_ASKED, Judge, judging_loss, right_answers
from whichway.miniature.train import main as train_command
from whichway.miniature.world import Scene, is_held_out

FOX = Scene(("fox",), "blue", size="large", position="left")
PAIR = Scene(("cat", "car"), "night", relation="above")


class Oracle:
    """Answers what it was told to answer."""

    def __init__(self, scenes):
        self.scenes = scenes

    def answer(self, pictures):
        return {name: np.where(known == NOT_ASKED, 0, known) for name, known in right_answers(self.scenes).items()}


def answer(scene, question):
    index = right_answers([scene])[question][0]
    return "not asked" if index == NOT_ASKED else ANSWERS[question][index]


def test_right_answers_say_what_the_scene_is():
    assert [answer(FOX, question) for question in ANSWERS] == [None, "fox", None, "blue", "large", "left"]
    assert [answer(PAIR, question) for question in ANSWERS] == [
        "above",
        "cat",
        "car",
        "night",
        "not asked",
        "not asked",
    ]


def test_shares_count_what_was_asked():
    shares = judged(Oracle([FOX, PAIR]), np.zeros((2, 64, 64, 3), np.uint8), [FOX, PAIR])
    assert {name: (share.right, share.asked) for name, share in shares.items()} == {
        "arrangement": (2, 2),
        "first": (2, 2),
        "second": (2, 2),
        "background": (2, 2),
        "size": (1, 1),
        "position": (1, 1),
        "objects": (2, 2),
        "drawn twice": (0, 2),
    }


def test_both_objects_count_only_together():
    wrong = Scene(("cat", "bus"), "night", relation="above")
    shares = judged(Oracle([wrong]), np.zeros((1, 64, 64, 3), np.uint8), [PAIR])
    assert (shares["first"].right, shares["second"].right, shares["objects"].right) == (1, 0, 0)


def test_an_object_is_drawn_twice_where_the_judge_sees_it_in_both_places():
    doubled = Scene(("cat", "cat"), "night", relation="above")
    assert judged(Oracle([doubled, PAIR, FOX]), np.zeros((3, 64, 64, 3), np.uint8), [FOX, PAIR, FOX])[
        "drawn twice"
    ] == Share(1, 3)


def test_the_worst_confusions_come_first_and_count_what_was_asked():
    fox, cat, dog = (Scene((name,), "blue") for name in ("fox", "cat", "dog"))
    asked, drawn = [fox, fox, fox, cat, dog], [cat, cat, fox, dog, dog]
    pictures = np.zeros((5, 64, 64, 3), np.uint8)
    assert worst_confusions(Oracle(drawn), pictures, asked) == [
        ("fox", "cat", Share(2, 3)),
        ("cat", "dog", Share(1, 1)),
    ]


def test_a_share_comes_with_its_interval():
    assert str(Share(90, 100)) == "90.0% (82.6% – 94.5%, n = 100)"


def test_held_out_scenes_are_held_out():
    assert all(is_held_out(scene) for scene in draw_scenes(30, held_out=True, two_objects=0.5, seed=1))
    assert not any(is_held_out(scene) for scene in draw_scenes(30, held_out=False, two_objects=0.5, seed=1))


def test_scenes_and_pictures_are_the_same_every_time():
    scenes = draw_scenes(3, held_out=True, two_objects=0.5, seed=2)
    assert scenes == draw_scenes(3, held_out=True, two_objects=0.5, seed=2)
    assert (paint_all(scenes, 3) == paint_all(scenes, 3)).all()


def test_the_judge_can_be_trained_on_scenes():
    torch.manual_seed(0)
    judge = Judge()
    loss = judging_loss(judge, (0, np.random.default_rng(0), torch.Generator()))
    loss.backward()
    assert all(parameter.grad is not None for parameter in judge.parameters())
    chance = sum(np.log(len(answers)) for answers in ANSWERS.values())
    assert loss.item() == pytest.approx(chance, rel=0.3)


@pytest.fixture(scope="module")
def pipeline(tiny_pipeline_folder):
    from diffusers import StableDiffusionPipeline

    pipeline = StableDiffusionPipeline.from_pretrained(tiny_pipeline_folder, safety_checker=None)
    pipeline.set_progress_bar_config(disable=True)
    return pipeline


def test_images_do_not_depend_on_the_batch(pipeline):
    scenes = [FOX, PAIR, FOX]
    together, _ = generate(pipeline, scenes, steps=2, guidance=3.0, batch=3)
    apart, seconds = generate(pipeline, scenes, steps=2, guidance=3.0, batch=1)
    assert together.dtype == np.uint8
    assert seconds > 0
    assert np.abs(together.astype(int) - apart).max() <= 1
    assert np.abs(together[0].astype(int) - together[2]).max() > 1  # each of its own noise


def test_coupling_figures_keep_the_bounds(pipeline):
    figures = coupling_figures(pipeline, pairs=3)
    assert 0 < figures["W_2 / RMS Frobenius"] <= 1 <= figures["random / identity length"]
    assert 0 < figures["share of rows moved"] <= 1


def test_the_card_is_where_the_table_goes():
    text = evaluate.CARD.read_text(encoding="utf-8")
    assert text.count(evaluate.BEGIN) == text.count(evaluate.END) == 1
    assert text.index(evaluate.BEGIN) < text.index(evaluate.END)


def test_a_checkpoint_of_another_configuration_is_one_line(tmp_path):
    from whichway.miniature.checkpoint import save_checkpoint

    save_checkpoint(tmp_path / "unet.safetensors", {"x": torch.ones(1)}, step=1, config={"learning_rate": 7.0})
    result = CliRunner().invoke(train_command, ["--checkpoints", str(tmp_path), "--export"])
    assert result.exit_code == 2
    assert "another configuration" in result.output
    assert "Traceback" not in result.output
