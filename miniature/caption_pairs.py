"""One scene -> two captions that differ in one thing only: in the order of their words, or in their length.

Both captions are made of templates that training used (:mod:`whichway.miniature.captions`), with the same phrases in
their slots, so that nothing but order, or nothing but length, tells the two apart.
"""

import numpy as np

from whichway.miniature.captions import choose_phrases, complete_templates
from whichway.miniature.world import Scene

#: templates of the same words and the same punctuation, in another order
REORDERED = (
    ("{a} {on} {where}", "{a} {where} {on}"),
    ("{on} there is {a} {where}", "{where} there is {a} {on}"),
)
#: a template, and one that has all its words in their order and others among them, which say nothing of the scene
LENGTHENED = (
    ("{a} {on}", "this is {a}, drawn in a simple style {on}"),
    ("{a} {on} {where}", "an emoji of {a} {on}, {where}"),
    ("{a} {on} {where}", "this is {a}, drawn in a simple style {on} and placed {where}"),
    ("{a} {where} {on}", "a photo showing {a}, {where}, {on}"),
    ("{a} {where} {on}", "a simple and colorful picture in which {a} can be seen {where} {on}"),
    ("{a} {rel} {b} {on}", "an emoji of {a}, which is {rel} {b}, {on}"),
    ("{on} there is {a} {rel} {b}", "look at the picture {on}: there is {a}, and it is {rel} {b}"),
    (
        "{on}, {b} {rel_back} {a}",
        "there are two things to be seen in this picture {on}, {b} is one of them and it is {rel_back} {a}",
    ),
)


def reordered_captions(scene: Scene, rng: np.random.Generator) -> tuple[str, str]:
    """Two captions of a scene of one object: the same words, in another order.

    Raises:
        ValueError: a scene of two objects, of which no two templates have the same words.
    """
    return _captions(scene, REORDERED, rng)


def lengthened_captions(scene: Scene, rng: np.random.Generator) -> tuple[str, str]:
    """Two captions of a scene: one of them has all words of the other in their order, and four or more besides."""
    return _captions(scene, LENGTHENED, rng)


def _captions(scene: Scene, pairs: tuple[tuple[str, str], ...], rng: np.random.Generator) -> tuple[str, str]:
    """Either of the two may come first."""
    complete = complete_templates(scene)
    fitting = [pair for pair in pairs if set(pair) <= set(complete)]
    if not fitting:
        raise ValueError(f"no pair of templates is complete for {scene}")
    first, second = fitting[int(rng.integers(len(fitting)))]
    if rng.random() < 0.5:
        first, second = second, first
    phrases = choose_phrases(scene, rng)
    return first.format(**phrases), second.format(**phrases)
