"""Pairs of the miniature's world: what is in a stratum, what is apart, and what is never shared."""

import re
from collections import Counter

import numpy as np
import pytest

from tests.test_captions import read
from whichway.analysis.errors import UserError
from whichway.analysis.prompts import world_pairs as module
from whichway.analysis.prompts.pairs import LENGTH, SAME_SCENE, SIMILARITY, WORD_ORDER
from whichway.analysis.prompts.world_pairs import BY_SIMILARITY, STRATA, is_for_tuning, world_pairs
from whichway.miniature.caption_pairs import LENGTHENED, REORDERED, reordered_captions
from whichway.miniature.captions import PAIR_TEMPLATES, SINGLE_TEMPLATES
from whichway.miniature.world import Scene, is_held_out, scene_similarity

PER_STRATUM = 6
REPORTED = world_pairs(len(STRATA) * PER_STRATUM, seed=3, strata=STRATA).pairs
TUNING = world_pairs(len(STRATA) * 3, seed=3, tuning=True, strata=STRATA).pairs


def words(text: str) -> list[str]:
    """Words, slots and punctuation."""
    return re.findall(r"\{\w+\}|\w+|[^\w\s]", text)


def contains_in_order(longer: str, shorter: str) -> bool:
    rest = iter(words(longer))
    return all(word in rest for word in words(shorter))


def scenes(pairs):
    return [read(caption) for pair in pairs for caption in (pair.prompt_a, pair.prompt_b)]


def test_strata_come_in_turn_and_the_same_for_the_same_seed():
    assert [pair.stratum for pair in REPORTED[: len(STRATA)]] == list(STRATA)
    assert Counter(pair.stratum for pair in REPORTED) == dict.fromkeys(STRATA, PER_STRATUM)
    assert world_pairs(10, seed=3, strata=STRATA).pairs == REPORTED[:10]
    assert world_pairs(10, seed=4, strata=STRATA).pairs != REPORTED[:10]
    differing = [pair for pair in REPORTED if pair.stratum in SIMILARITY]
    assert list(world_pairs(10, seed=3, strata=SIMILARITY).pairs) == differing[:10]
    of_similarity = [pair for pair in REPORTED if pair.stratum in BY_SIMILARITY]
    assert list(world_pairs(12, seed=3).pairs) == of_similarity[:12]


def test_captions_name_their_scenes_whose_similarity_is_the_score():
    """Read back by a parser that knows the words and nothing of how pairs were made."""
    for pair in (*REPORTED, *TUNING):
        a, b = read(pair.prompt_a), read(pair.prompt_b)
        assert pair.score == scene_similarity(a, b), pair
        assert is_held_out(a), pair
        assert is_held_out(b), pair
        assert (pair.score < 5) == (pair.stratum in SIMILARITY)
        assert (a == b) == (pair.stratum not in SIMILARITY), pair


def test_word_order_alone():
    for pair in REPORTED:
        if pair.stratum == WORD_ORDER:
            assert Counter(words(pair.prompt_a)) == Counter(words(pair.prompt_b)), pair
            assert words(pair.prompt_a) != words(pair.prompt_b)


def test_length_alone():
    for pair in REPORTED:
        if pair.stratum == LENGTH:
            shorter, longer = sorted((pair.prompt_a, pair.prompt_b), key=lambda caption: len(words(caption)))
            assert contains_in_order(longer, shorter), pair
            assert len(words(longer)) >= len(words(shorter)) + 4


def test_every_pair_of_templates_is_one_of_the_world_and_differs_in_one_thing():
    templates = {*SINGLE_TEMPLATES, *PAIR_TEMPLATES}
    for first, second in REORDERED:
        assert {first, second} <= templates
        assert Counter(words(first)) == Counter(words(second))
    for shorter, longer in LENGTHENED:
        assert {shorter, longer} <= templates
        assert contains_in_order(longer, shorter)
        slots = [Counter(word for word in words(template) if "{" in word) for template in (shorter, longer)]
        assert slots[0] == slots[1]


def test_tuning_shares_nothing_with_what_is_reported():
    """Whatever the seeds: no scene, no objects on the same background, no caption."""
    reported, tuning = scenes(REPORTED), scenes(TUNING)
    assert not {is_for_tuning(scene) for scene in reported} - {False}
    assert not {is_for_tuning(scene) for scene in tuning} - {True}
    combinations = [{(frozenset(scene.objects), scene.background) for scene in part} for part in (reported, tuning)]
    assert not combinations[0] & combinations[1]


def test_no_scene_is_in_two_pairs():
    for strata in (SIMILARITY, (SAME_SCENE,), (WORD_ORDER,), (LENGTH,)):
        chosen = [pair for pair in REPORTED if pair.stratum in strata]
        counts = Counter(scene for pair in chosen for scene in {read(pair.prompt_a), read(pair.prompt_b)})
        assert set(counts.values()) == {1}


def test_either_caption_may_come_first():
    pairs = world_pairs(20, strata=(LENGTH,)).pairs
    assert {len(words(pair.prompt_a)) < len(words(pair.prompt_b)) for pair in pairs} == {True, False}


def test_more_pairs_than_there_are_is_one_line(monkeypatch):
    monkeypatch.setattr(module, "ATTEMPTS", 3)
    with pytest.raises(UserError, match="no more pairs of the stratum 'same scene'; ask for fewer"):
        world_pairs(10_000, strata=(SAME_SCENE,))


def test_two_objects_have_no_templates_of_the_same_words():
    scene = Scene(("fox", "cat"), "blue", relation="above")
    with pytest.raises(ValueError, match="no pair of templates is complete for"):
        reordered_captions(scene, np.random.default_rng(0))
