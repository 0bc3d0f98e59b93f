"""A caption names one scene: a parser that knows the words, and nothing of the templates, reads it back."""

import re

import numpy as np
import pytest

from whichway.miniature.captions import (
    PLACES,
    RELATION_WORDS,
    SCENERY_WORDS,
    SIZE_WORDS,
    complete_templates,
    describe,
    plain_caption,
)
from whichway.miniature.world import BACKGROUNDS, COLOURS, DEFAULT, OBJECTS, POSITIONS, SIZES, Scene, sample_scene


def find(words: str, caption: str) -> re.Match | None:
    return re.search(rf"\b{re.escape(words)}\b", caption)


def longest_match(phrases: dict[str, str], caption: str) -> str | None:
    """What the longest phrase in the caption means; ``phrases``: phrase -> meaning."""
    matches = [phrase for phrase in phrases if phrase and find(phrase, caption)]
    return phrases[max(matches, key=len)] if matches else None


def read(caption: str) -> Scene:
    """The scene that a caption names, from the words it has; what it does not say is the default."""
    objects = sorted((name for name in OBJECTS if find(name, caption)), key=lambda name: find(name, caption).start())
    background = longest_match(
        {phrase: name for name, forms in SCENERY_WORDS.items() for form in forms for phrase in form}
        | {f"{colour} {noun}": colour for colour in COLOURS for noun in ("background", "backdrop")},
        caption,
    )
    scenery = [phrase for forms in SCENERY_WORDS.values() for form in forms for phrase in form]
    rest = caption
    for phrase in sorted(scenery, key=len, reverse=True):
        rest = rest.replace(phrase, "")
    if len(objects) == 2:
        return read_pair(objects, background or DEFAULT["background"], rest)
    (name,) = objects
    return Scene(
        (name,),
        background or DEFAULT["background"],
        size=longest_match({word: size for size, words in SIZE_WORDS.items() for word in words}, rest)
        or DEFAULT["size"],
        position=longest_match({word: place for place, words in PLACES.items() for word in words}, rest)
        or DEFAULT["position"],
    )


def read_pair(objects: list[str], background: str, rest: str) -> Scene:
    forms = {
        word: (relation, told_from_the_second)
        for relation, both in RELATION_WORDS.items()
        for told_from_the_second, words in enumerate(both)
        for word in words
    }
    phrase = max((word for word in forms if find(word, rest)), key=len)
    relation, told_from_the_second = forms[phrase]
    before, after = rest[: find(phrase, rest).start()], rest[find(phrase, rest).end() :]
    if after.startswith(" the second"):  # "a fox and a cat, the first left of the second"
        subject, other = objects
    elif after.startswith(" it"):  # "a fox, and a cat left of it", "a fox, and left of it a cat"
        other, subject = objects
    else:  # "a fox left of a cat", "a fox and a cat …, and the cat … left of a fox"
        subject = max(
            objects, key=lambda name: max((m.start() for m in re.finditer(rf"\b{name}\b", before)), default=-1)
        )
        (other,) = (name for name in objects if find(name, after))
    pair = (other, subject) if told_from_the_second else (subject, other)
    return Scene(pair, background, relation=relation)


def test_every_caption_says_its_scene_and_no_other():
    rng = np.random.default_rng(0)
    for _ in range(6000):
        scene = sample_scene(rng, held_out=None, two_objects=0.5)
        caption = describe(scene, rng)
        assert read(caption) == scene, caption
        assert read(plain_caption(scene)) == scene


@pytest.mark.parametrize("position", POSITIONS)
@pytest.mark.parametrize("background", BACKGROUNDS)
def test_every_template_says_its_scene(position, background):
    """Each complete template, each size, wherever the random captions above did not go."""
    for size in SIZES:
        scene = Scene(("fox",), background, size=size, position=position)
        assert {read(describe(scene, np.random.default_rng(seed))) for seed in range(100)} == {scene}


def test_what_a_caption_leaves_out_is_the_default():
    assert plain_caption(Scene(("fox",), "white")) == "a fox on a white background"
    assert read("a fox") == Scene(("fox",), "white", size="medium", position="middle")
    assert "{a}" in complete_templates(Scene(("fox",), "white"))
    assert "{a}" not in complete_templates(Scene(("fox",), "blue"))
    assert "{a}" not in complete_templates(Scene(("fox",), "white", position="left"))
    assert "{a} {on}" not in complete_templates(Scene(("fox",), "blue", position="left"))
