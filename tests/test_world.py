import numpy as np
import pytest

from miniature import painter
from miniature.captions import describe, plain_caption
from miniature.painter import paint
from miniature.world import BACKGROUNDS, OBJECTS, Scene, is_held_out, sample_scene, scene_similarity

needs_font = pytest.mark.skipif(
    not any(path.is_file() for path in painter.FONT_PATHS),
    reason=f"painting needs the font of Debian's {painter.FONT_PACKAGE}; using the trained model does not",
)


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
    assert plain_caption(Scene(("egg",), "snow", position="left")) == "an egg in the snow on the left"
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


@needs_font
def test_painting_is_seeded_and_jittered():
    scene = Scene(("fox",), "night")
    first, again, other = (paint(scene, np.random.default_rng(seed)) for seed in (0, 0, 1))
    assert first.shape == (64, 64, 3)
    assert (first == again).all()
    assert (first != other).any()


@needs_font
@pytest.mark.parametrize("name", OBJECTS)
def test_every_object_has_artwork(name):
    shares = []
    for background in ("gray", "pink"):  # some animals are gray themselves
        picture = paint(Scene((name,), background, size="large"), np.random.default_rng(0)).astype(int)
        shares.append((np.abs(picture - picture[0, 0]).max(axis=2) > 40).mean())
    assert max(shares) > 0.1


@needs_font
def test_the_relation_is_what_is_painted():
    picture = paint(Scene(("strawberry", "lemon"), "black", relation="left of"), np.random.default_rng(0)).astype(int)
    left, right = picture[:, :28].sum(axis=(0, 1)), picture[:, 36:].sum(axis=(0, 1))
    assert right[1] / right[0] > left[1] / left[0] + 0.2  # green over red: the lemon is yellow, the strawberry red


def test_a_missing_font_names_the_package(monkeypatch):
    monkeypatch.setattr(painter, "FONT_PATHS", ())
    painter._font.cache_clear()
    painter._glyph.cache_clear()
    with pytest.raises(FileNotFoundError, match="fonts-noto-color-emoji"):
        paint(Scene(("fox",), "blue"), np.random.default_rng(0))
    painter._font.cache_clear()
