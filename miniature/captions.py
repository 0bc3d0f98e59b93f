"""Scene -> words: many paraphrases of one scene, of different length, word order and wording.

Every caption is complete: what it does not say is the default (:data:`whichway.miniature.world.DEFAULT`: a white
background, of medium size, in the middle). So a caption names one scene, and all captions of a scene name the same one.
Where they did not say how large an object is and where, a denoiser learned neither.

Short and long captions of the same scene differ in how many rows of the conditioning carry content and in which row
says what: that is what tells couplings apart (an identity coupling matches row i with row i, whatever they say).
"""

import numpy as np

from whichway.miniature.world import COLOURS, DEFAULT, Scene

SIZE_WORDS = {
    "small": ("small", "tiny", "little"),
    "medium": ("", "", "medium-sized", "regular-sized"),
    "large": ("large", "big", "huge", "giant"),
}
PLACES = {
    "middle": ("in the middle", "in the center", "right in the middle of the picture", "at the center"),
    "left": ("on the left", "on the left side", "at the left edge", "to the left"),
    "right": ("on the right", "on the right side", "at the right edge", "to the right"),
    "top": ("at the top", "in the upper part", "near the top edge", "up high"),
    "bottom": ("at the bottom", "in the lower part", "near the bottom edge", "down low"),
}
#: scenery -> (phrases that say where, noun phrases)
SCENERY_WORDS = {
    "night": (("at night", "under a starry night sky", "in the night"), ("a starry night sky", "a dark night sky")),
    "sunset": (
        ("at sunset", "in front of a sunset", "under a sunset sky"),
        ("a sunset over the sea", "a glowing sunset"),
    ),
    "beach": (("on the beach", "at the beach", "on a sandy beach"), ("a sandy beach by the sea", "a sunny beach")),
    "desert": (("in the desert", "in a sandy desert", "among the dunes"), ("a hot desert", "a desert with dunes")),
    "snow": (("in the snow", "on a snowy field", "in the falling snow"), ("a snowy landscape", "a field of snow")),
    "meadow": (("in a meadow", "on a green meadow", "on the grass"), ("a green meadow", "a flowery meadow")),
}

#: {a} object with article and size, {thing} without article, {where} place in the picture, {on} background phrase,
#: {backdrop} background as a noun phrase. A template without {where} is for objects in the middle, one without
#: {on} and {backdrop} for white backgrounds.
SINGLE_TEMPLATES = (
    "{a}",
    "{a} {where}",
    "{where}, {a}",
    "a picture of {a} {where}",
    "{a} {on}",
    "{on}, {a}",
    "{a}, {backdrop}",
    "{backdrop} with {a}",
    "a picture of {a} {on}",
    "an emoji of {a} {on}",
    "{backdrop} is the setting for this picture of {a}",
    "this is {a}, drawn in a simple style {on}",
    "all by itself, with {backdrop} behind it, stands {a} from a picture book",
    "{a} {on} {where}",
    "{a} {where} {on}",
    "{thing}, {where}, {backdrop}",
    "{backdrop} and {a} {where}",
    "{on} there is {a} {where}",
    "{where} there is {a} {on}",
    "{on}, {where}, {a}",
    "a drawing of {a} {where} {on}",
    "a photo showing {a}, {where}, {on}",
    "an emoji of {a} {on}, {where}",
    "we see {backdrop}, and {where} of it {a}",
    "{backdrop} is the setting for this picture of {a} {where}",
    "this is {a}, drawn in a simple style {on} and placed {where}",
    "a simple and colorful picture in which {a} can be seen {where} {on}",
    "look at the picture {on}: {where} somebody has drawn {a}, and there is nothing else to be seen",
    "in this simple and colorful picture with {backdrop}, {a} has been placed {where}, all by itself",
    "all by itself {where}, with {backdrop} behind it, stands {a} from a picture book",
    "there is one thing in this picture, and it is {a} {where}, while everything around shows {backdrop}",
)
#: {a} first and {b} second object with articles, {rel} relation, {rel_back} the same relation told from b
PAIR_TEMPLATES = (
    "{a} {rel} {b}",
    "{a} {rel} {b} {on}",
    "{a} {rel} {b} {on}",
    "{b} {rel_back} {a} {on}",
    "{b} {rel_back} {a}",
    "{on}, {a} {rel} {b}",
    "{on}, {b} {rel_back} {a}",
    "{a} and {b}, the first {rel} the second, {on}",
    "{backdrop} with {a} {rel} {b}",
    "{backdrop} and {b} {rel_back} {a}",
    "{on} there is {a} {rel} {b}",
    "{on} there is {b}, {rel_back} {a}",
    "a picture of {a} {rel} {b} {on}",
    "a drawing of {b} {rel_back} {a}, {backdrop}",
    "a photo showing {a}, and {b} {rel_back} it, {on}",
    "two things {on}: {a} {rel} {b}",
    "we see {backdrop}, {a}, and {rel_back} it {b}",
    "an emoji of {a}, which is {rel} {b}, {on}",
    "this picture has {backdrop} and two things in it, {a} {rel} {b}",
    "somebody has drawn {b} {on}, {rel_back} {a}, and nothing else",
    "look at the picture {on}: there is {a}, and it is {rel} {b}",
    "in this simple and colorful picture with {backdrop}, {a} has been placed {rel} {b}",
    "there are two things to be seen in this picture {on}, {b} is one of them and it is {rel_back} {a}",
    "with {backdrop} behind them, {a} and {b} share the picture, and {b} has its place {rel_back} {a}",
)
RELATION_WORDS = {
    "left of": (("to the left of", "left of", "on the left of"), ("to the right of", "right of", "on the right of")),
    "above": (("above", "on top of", "over"), ("below", "under", "underneath")),
}


def describe(scene: Scene, rng: np.random.Generator) -> str:
    """One of the many captions of a scene, 2 to 30 words, all lower case."""
    background = _background_words(scene.background, rng)
    template = _pick(rng, complete_templates(scene))
    return template.format(**_phrases(scene, background, rng))


def choose_phrases(scene: Scene, rng: np.random.Generator) -> dict[str, str]:
    """Words for everything in the scene: what the slots of its templates stand for."""
    return _phrases(scene, _background_words(scene.background, rng), rng)


def _phrases(scene: Scene, background: tuple[str, str], rng: np.random.Generator) -> dict[str, str]:
    words = dict(zip(("on", "backdrop"), background, strict=True))
    if scene.relation is not None:
        a, b = (_with_article(name) for name in scene.objects)
        rel, rel_back = (_pick(rng, forms) for forms in RELATION_WORDS[scene.relation])
        return words | {"a": a, "b": b, "rel": rel, "rel_back": rel_back}
    thing = f"{_pick(rng, SIZE_WORDS[scene.size])} {scene.objects[0]}".strip()
    return words | {"a": _with_article(thing), "thing": thing, "where": _pick(rng, PLACES[scene.position])}


def complete_templates(scene: Scene) -> tuple[str, ...]:
    """The templates that leave nothing of the scene unsaid but what is the default."""
    templates = SINGLE_TEMPLATES if scene.relation is None else PAIR_TEMPLATES
    return tuple(
        template
        for template in templates
        if ("{where}" in template or scene.position == DEFAULT["position"])
        and ("{on}" in template or "{backdrop}" in template or scene.background == DEFAULT["background"])
    )


def plain_caption(scene: Scene) -> str:
    """The scene's one plainest caption: "a large fox on a blue background", "a cat left of a house on the beach"."""
    if scene.background in COLOURS:
        on = f"on {_with_article(scene.background)} background"
    else:
        on = SCENERY_WORDS[scene.background][0][0]
    if scene.relation is not None:
        first, second = (_with_article(name) for name in scene.objects)
        return f"{first} {RELATION_WORDS[scene.relation][0][0]} {second} {on}"
    thing = _with_article(f"{SIZE_WORDS[scene.size][0]} {scene.objects[0]}".strip())
    where = "" if scene.position == "middle" else f" {PLACES[scene.position][0]}"
    return f"{thing} {on}{where}"


def _background_words(name: str, rng: np.random.Generator) -> tuple[str, str]:
    if name not in COLOURS:
        phrases, nouns = SCENERY_WORDS[name]
        return _pick(rng, phrases), _pick(rng, nouns)
    noun = f"{_pick(rng, ('', '', '', 'plain '))}{name} {_pick(rng, ('background', 'background', 'backdrop'))}"
    noun = _with_article(noun)
    return f"{_pick(rng, ('on', 'on', 'in front of', 'against'))} {noun}", noun


def _with_article(noun: str) -> str:
    vowel = noun[0] in "aeio" or noun.startswith("umbrella")  # but: a unicorn
    return f"{'an' if vowel else 'a'} {noun}"


def _pick(rng: np.random.Generator, options: tuple[str, ...]) -> str:
    return options[int(rng.integers(len(options)))]
