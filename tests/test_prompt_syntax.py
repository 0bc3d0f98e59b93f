r"""Weighted prompts are read as AUTOMATIC1111 documents it; what it would guess at is refused in one line."""

import warnings

import pytest
from hypothesis import given
from hypothesis import strategies as st

from whichway.analysis.errors import UserError
from whichway.analysis.reading.prompt_reading import PromptReading, PromptSyntaxWarning
from whichway.analysis.reading.prompt_syntax import read_weighted
from whichway.analysis.reading.weighted_text import WeightedText, plain_text


def stretches(prompt):
    [text] = read_weighted(prompt)
    return [(part, pytest.approx(weight)) for part, weight in text.stretches]


@pytest.mark.parametrize(
    ("prompt", "expected"),
    [
        # the table of its documentation, "Attention/emphasis"
        ("a (word)", [("a ", 1), ("word", 1.1)]),
        ("a ((word))", [("a ", 1), ("word", 1.21)]),
        ("a [word]", [("a ", 1), ("word", 1 / 1.1)]),
        ("a (word:1.5)", [("a ", 1), ("word", 1.5)]),
        ("a (word:0.25)", [("a ", 1), ("word", 0.25)]),
        (r"a \(word\)", [("a (word)", 1)]),
        ("(((n)))", [("n", 1.331)]),
        ("((((n))))", [("n", 1.4641)]),
        ("((((((n))))))", [("n", 1.771561)]),
        # the examples beside its parser
        ("normal text", [("normal text", 1)]),
        ("an (important) word", [("an ", 1), ("important", 1.1), (" word", 1)]),
        (r"\(literal\]", [("(literal]", 1)]),
        ("(unnecessary)(parens)", [("unnecessaryparens", 1.1)]),
        (
            "a (((house:1.3)) [on] a (hill:0.5), sun, (((sky))).)",  # with the bracket that is missing there
            [
                ("a ", 1),
                ("house", 1.573),
                (" ", 1.1),
                ("on", 1),
                (" a ", 1.1),
                ("hill", 0.55),
                (", sun, ", 1.1),
                ("sky", 1.4641),
                (".", 1.1),
            ],
        ),
        # what is easily broken
        ("12:30, a 16:9 picture", [("12:30, a 16:9 picture", 1)]),
        ("(at 12:30, a cat)", [("at 12:30, a cat", 1.1)]),
        ("(a : 1.3 )", [("a ", 1.3)]),
        (r"(a \: b)", [("a : b", 1.1)]),
        ("a \\\\ b \\c", [("a \\ b \\c", 1)]),
        ("a BREAKFAST", [("a BREAKFAST", 1)]),
        ("", []),
    ],
)
def test_published_examples(prompt, expected):
    assert stretches(prompt) == expected


@given(st.text(st.characters(exclude_characters="\\()[]")).filter(lambda text: "BREAK" not in text))
def test_text_without_brackets_is_itself(text):
    [read] = read_weighted(text)
    assert (read.text, read.is_weighted) == (text, False)


@pytest.mark.parametrize(
    ("prompt", "texts"),
    [
        ("a fox BREAK a panda", ["a fox", "a panda"]),
        ("a fox, BREAK\nBREAK a panda", ["a fox,", "", "a panda"]),
        ("(a fox BREAK a panda:2) at night", ["a fox", "a panda at night"]),
    ],
)
def test_break_begins_a_text(prompt, texts):
    assert [text.text for text in read_weighted(prompt)] == texts


def test_a_weight_goes_on_behind_a_break():
    assert [text.stretches for text in read_weighted("(a BREAK b:2) c")] == [(("a", 2),), (("b", 2), (" c", 1))]


@pytest.mark.parametrize("prompt", ["a (red:0) fox", "a (red:0)(blue:0) fox", "a [[(red:0)]] fox"])
def test_a_word_of_weight_zero_is_not_there(prompt):
    assert read_weighted(prompt)[0] == plain_text("a fox")


@pytest.mark.parametrize(
    ("prompt", "message"),
    [
        ("a (fox", "opened and never closed"),
        ("a [fox", "opened and never closed"),
        ("a fox)", r"the '\)' at character 6 closes no bracket; as a character it is written \\\)"),
        ("a (fox]", r"the '\]' at character 7 closes no bracket"),
        ("a fox:2)", r"the '\)' at character 8 closes no bracket"),
        ("a (fox:much)", "the weight 'much' is no number; wanted one such as 1.3"),
        ("a (fox:)", "the weight '' is no number"),
        ("a (fox:nan)", "the weight 'nan' is no number"),
        ("a (fox:-1)", "the weight -1 is negative, and there is no negative mass"),
        ("a [fox:0.5]", r"\[fox:0.5\] changes the prompt between sampling steps"),
        ("a [fox:panda:10]", "changes the prompt between sampling steps"),
        ("a [fox|panda]", "changes the prompt between sampling steps"),
    ],
)
def test_what_cannot_be_read_is_one_line(prompt, message):
    with pytest.raises(UserError, match=message) as error:
        read_weighted(prompt)
    assert "\n" not in str(error.value)


@pytest.mark.parametrize("prompt", ["a (fox:1.3)", "a ((fox))", "a [[fox]]", "a fox BREAK a panda"])
def test_typed_weights_in_plain_syntax_are_kept_with_one_warning(prompt):
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("default")
        assert PromptReading().read(prompt) == (plain_text(prompt),)
        PromptReading().read(f"{prompt} again")
    assert [warning.category for warning in caught] == [PromptSyntaxWarning]
    assert "--syntax weighted" in str(caught[0].message)


@pytest.mark.parametrize("prompt", ["a fox (in the snow)", "a fox at 12:30", r"a \(\(fox\)\)", "a BREAKFAST"])
def test_plain_text_is_not_warned_of(prompt):
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        PromptReading().read(prompt)


def test_pictures_are_compared_with_the_words():
    prompt = "a (large:2) fox BREAK at night"
    assert PromptReading("weighted").words(prompt) == "a large fox at night"
    assert PromptReading().words(prompt) == prompt


def test_a_choice_that_is_none():
    with pytest.raises(UserError, match="syntax: unknown 'compel'; known: plain, weighted"):
        PromptReading(syntax="compel")


def test_a_cut_keeps_weights():
    text = WeightedText((("a ", 1.0), ("large fox", 2.0), (" at night", 1.0)))
    assert text.cut(4, 13).stretches == (("rge fox", 2.0), (" a", 1.0))
    assert text.cut(0, len(text.text)) == text
