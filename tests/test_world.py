import numpy as np
import pytest
import torch

from whichway.miniature.captions import describe, plain_caption
from whichway.miniature.painter import paint
from whichway.miniature.train_towers import BATCH, QUESTIONS, VARIANTS, answers, draw_batch, reading_loss
from whichway.miniature.world import BACKGROUNDS, OBJECTS, Scene, is_held_out, sample_scene, scene_similarity, vary


def scenes(count: int, **options) -> list[Scene]:
    rng = np.random.default_rng(0)
    return [sample_scene(rng, **options) for _ in range(count)]


def test_training_never_sees_what_is_held_out():
    assert not any(is_held_out(scene) for scene in scenes(2000))
    assert all(is_held_out(scene) for scene in scenes(200, held_out=True))


def test_about_a_tenth_of_the_combinations_is_held_out():
    combinations = [Scene((name,), background) for name in OBJECTS for background in BACKGROUNDS]
    assert 0.07 < np.mean([is_held_out(scene) for scene in combinations]) < 0.13


def test_held_out_depends_on_the_combination_only():
    for scene in scenes(100, held_out=None, two_objects=0):
        assert is_held_out(scene) == is_held_out(Scene(scene.objects, scene.background, size="large", position="top"))


def test_similarity_is_symmetric_and_5_only_for_equal_scenes():
    drawn = scenes(60, held_out=None)
    for a in drawn:
        assert scene_similarity(a, a) == 5
        for b in drawn:
            assert scene_similarity(a, b) == scene_similarity(b, a)
            assert 0 <= scene_similarity(a, b) <= 5
            assert (scene_similarity(a, b) == 5) == (a == b)


def test_similarity_is_graded():
    fox = Scene(("fox",), "blue")
    assert scene_similarity(fox, Scene(("fox",), "blue", size="large")) == 4.375
    assert scene_similarity(fox, Scene(("fox",), "red")) == 3.75
    assert scene_similarity(fox, Scene(("panda",), "blue")) == 2.5
    assert scene_similarity(fox, Scene(("fox", "panda"), "red", relation="left of")) == pytest.approx(1.25 + 0.625)
    assert scene_similarity(fox, Scene(("panda",), "red", size="large", position="left")) == 0


def test_swapping_the_relation_is_another_scene():
    there, back = (Scene(pair, "red", relation="above") for pair in (("fox", "cat"), ("cat", "fox")))
    assert scene_similarity(there, back) == 4.375


def test_captions_name_the_objects_in_2_to_30_words_and_many_ways():
    rng = np.random.default_rng(1)
    for scene in scenes(1500):
        caption = describe(scene, rng)
        assert all(name in caption for name in scene.objects)
        assert 2 <= len(caption.split()) <= 30
        assert "{" not in caption
        assert "  " not in caption
    for scene in (Scene(("fox",), "blue"), Scene(("fox", "cat"), "night", relation="above")):
        assert len({describe(scene, rng) for _ in range(400)}) > 100


def test_plain_captions():
    assert plain_caption(Scene(("umbrella",), "orange", size="large")) == "a large umbrella on an orange background"
    assert plain_caption(Scene(("apple",), "snow", position="left")) == "an apple in the snow on the left"
    pair = Scene(("unicorn", "octopus"), "blue", relation="above")
    assert plain_caption(pair) == "a unicorn above an octopus on a blue background"


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ((("dragon",), "blue"), "unknown object 'dragon'; known: dog, "),
        ((("fox",), "plaid"), "unknown background 'plaid'; known: red, "),
        ((("fox",), "blue", "giant"), "unknown size 'giant'; known: small, medium, large"),
        ((("fox", "cat"), "blue"), "a scene has one object, or two and a relation"),
        ((("fox",), "blue", "small", "left", "above"), "a scene has one object, or two and a relation"),
    ],
)
def test_impossible_scenes_are_refused(arguments, message):
    with pytest.raises(ValueError, match=message):
        Scene(*arguments)


def test_painting_is_seeded_and_jittered():
    scene = Scene(("fox",), "night")
    first, again, other = (paint(scene, np.random.default_rng(seed)) for seed in (0, 0, 1))
    assert first.shape == (64, 64, 3)
    assert (first == again).all()
    assert (first != other).any()


@pytest.mark.parametrize("name", OBJECTS)
def test_every_object_has_artwork(name):
    shares = []
    for background in ("gray", "pink"):  # some animals are gray themselves
        picture = paint(Scene((name,), background, size="large"), np.random.default_rng(0)).astype(int)
        shares.append((np.abs(picture - picture[0, 0]).max(axis=2) > 40).mean())
    assert max(shares) > 0.1


def test_the_relation_is_what_is_painted():
    picture = paint(Scene(("strawberry", "lemon"), "black", relation="left of"), np.random.default_rng(0)).astype(int)
    left, right = picture[:, :28].sum(axis=(0, 1)), picture[:, 36:].sum(axis=(0, 1))
    assert right[1] / right[0] > left[1] / left[0] + 0.2  # green over red: the lemon is yellow, the strawberry red


def test_a_variant_differs_in_one_thing_and_is_no_held_out_scene():
    rng = np.random.default_rng(2)
    for scene in scenes(300):
        varied = vary(scene, rng)
        assert not is_held_out(varied)
        assert len(varied.objects) == len(scene.objects)
        differing = [
            set(varied.objects) != set(scene.objects),
            varied.background != scene.background,
            varied.size != scene.size,
            (varied.position, varied.relation) != (scene.position, scene.relation),
            varied.objects == scene.objects[::-1] and len(scene.objects) == 2,
        ]
        assert sum(differing) == 1, (scene, varied)


def test_a_batch_of_the_towers_holds_groups_of_variants_of_one_scene():
    drawn = draw_batch(np.random.default_rng(0))
    assert len(drawn) == BATCH
    for first in range(0, BATCH, VARIANTS):
        scene, *variants = drawn[first : first + VARIANTS]
        assert all(scene != varied and scene_similarity(scene, varied) > 1 for varied in variants)


def test_the_answers_tell_any_two_scenes_of_the_world_apart():
    told = {tuple(answers(scene).items()): scene for scene in scenes(3000, held_out=None)}
    assert len(told) == len(set(scenes(3000, held_out=None)))


def test_a_reader_that_knows_the_scene_has_no_loss_and_one_that_guesses_has_that_of_guessing():
    drawn = scenes(8)
    known = {asked: torch.nn.Linear(8, len(possible), bias=False) for asked, possible in QUESTIONS.items()}
    for asked, reader in known.items():
        right = torch.tensor([answers(scene)[asked] for scene in drawn])
        reader.weight.data = 50 * torch.nn.functional.one_hot(right, len(QUESTIONS[asked])).float().T
    assert reading_loss(torch.nn.ModuleDict(known), torch.eye(8), drawn) < 1e-6
    guessed = float(np.mean([np.log(len(possible)) for possible in QUESTIONS.values()]))
    assert reading_loss(torch.nn.ModuleDict(known), torch.zeros(8, 8), drawn).item() == pytest.approx(guessed)
