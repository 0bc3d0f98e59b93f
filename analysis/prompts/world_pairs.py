"""Pairs of captions of the miniature's world, for a study: by similarity, of word order alone, of length alone.

Every scene shows a combination that training never saw (:func:`whichway.miniature.world.is_held_out`). Among the pairs
that differ no scene occurs in two, so that pairs are independent; nor does it within each of the other strata.
Combinations are divided once and for all into those for tuning and those that are reported
(:func:`is_for_tuning`): what was chosen on one part is tested on scenes that the choice has not seen, whatever seeds
and counts were asked for.
"""

import zlib
from collections.abc import Iterator, Sequence
from itertools import cycle, islice

import numpy as np

from whichway.analysis.errors import UserError
from whichway.analysis.prompts.pairs import LENGTH, SAME_SCENE, SIMILARITY, WORD_ORDER, Pairs, PromptPair
from whichway.miniature.caption_pairs import lengthened_captions, reordered_captions
from whichway.miniature.captions import describe
from whichway.miniature.world import Scene, is_held_out, sample_scene, scene_similarity

BY_SIMILARITY = (*SIMILARITY, SAME_SCENE)
STRATA = (*BY_SIMILARITY, WORD_ORDER, LENGTH)
TUNING_SHARE = 0.4
STREAMS = {False: 11, True: 17}  # of random numbers: for pairs that are reported, and for tuning
ATTEMPTS = 50_000  # to find one more pair


def world_pairs(count: int, *, seed: int = 0, tuning: bool = False, strata: Sequence[str] = BY_SIMILARITY) -> Pairs:
    """Pairs of captions of the miniature's world, one stratum after the other in turn.

    Args:
        count: how many pairs.
        seed: the same seed gives the same pairs, and a smaller count the first of a larger one's.
        tuning: of the scenes for tuning, not of those that are reported.
        strata: some of :data:`STRATA`. Leaving out one that says the same changes no pair of the others.

    Raises:
        UserError: the world has no such number of pairs.
    """
    differing: set[Scene] = set()
    streams = [
        _pairs_of(
            stratum,
            np.random.default_rng([STREAMS[tuning], seed, STRATA.index(stratum)]),
            tuning,
            differing if stratum in SIMILARITY else set(),
        )
        for stratum in strata
    ]
    return Pairs(tuple(next(stream) for stream in islice(cycle(streams), count)))


def is_for_tuning(scene: Scene) -> bool:
    """Whether the scene's objects on its background are for tuning only: a fixed pseudo-random choice by name."""
    name = "|".join(["tuning", *sorted(scene.objects), scene.background])
    return zlib.crc32(name.encode()) % 1000 < 1000 * TUNING_SHARE


def _pairs_of(stratum: str, rng: np.random.Generator, tuning: bool, used: set[Scene]) -> Iterator[PromptPair]:
    """Pairs of one stratum, of scenes that are not in ``used``, without end."""
    while True:
        for _ in range(ATTEMPTS):
            a, b = _scenes(stratum, rng)
            if {is_for_tuning(a), is_for_tuning(b)} == {tuning} and not {a, b} & used:
                pair = _worded(stratum, a, b, rng)
                if pair.stratum == stratum and pair.prompt_a != pair.prompt_b:
                    used |= {a, b}
                    yield pair
                    break
        else:
            raise UserError(f"the miniature's world has no more pairs of the stratum {stratum!r}; ask for fewer")


def _scenes(stratum: str, rng: np.random.Generator) -> tuple[Scene, Scene]:
    """Two held-out scenes, not yet of the similarity that is wanted; one and the same where only the words change."""
    if stratum in SIMILARITY:
        return _related_scenes(rng)
    alone = stratum == WORD_ORDER  # no two templates for two objects have the same words
    scene = sample_scene(rng, held_out=True, **({"two_objects": 0.0} if alone else {}))
    return scene, scene


def _worded(stratum: str, a: Scene, b: Scene, rng: np.random.Generator) -> PromptPair:
    similarity = scene_similarity(a, b)
    if stratum == WORD_ORDER:
        return PromptPair(*reordered_captions(a, rng), similarity, changed=WORD_ORDER)
    if stratum == LENGTH:
        return PromptPair(*lengthened_captions(a, rng), similarity, changed=LENGTH)
    return PromptPair(describe(a, rng), describe(b, rng), similarity)


def _related_scenes(rng: np.random.Generator) -> tuple[Scene, Scene]:
    """Two held-out scenes; the second keeps each property of the first with a chance of its own."""
    keep = rng.random()
    while True:
        a, other = (sample_scene(rng, held_out=True) for _ in range(2))

        def either(name: str, a: Scene = a, other: Scene = other) -> str:
            return str(getattr(a if rng.random() < keep else other, name))

        if len(a.objects) == 2 == len(other.objects):
            first, second = (
                mine if rng.random() < keep else its for mine, its in zip(a.objects, other.objects, strict=True)
            )
            if first == second:
                continue
            b = Scene((first, second), either("background"), relation=either("relation"))
        elif len(a.objects) == 1 == len(other.objects):
            kept = a.objects if rng.random() < keep else other.objects
            b = Scene(kept, either("background"), either("size"), either("position"))
        else:
            b = other
        if is_held_out(b):
            return a, b
