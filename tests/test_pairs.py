"""Prompt pairs: what can be used is used, what cannot is counted and named."""

import json
from collections import Counter

import pytest

from whichway.analysis.errors import UserError
from whichway.analysis.prompts.pairs import PromptPair, read_pairs, sample_by_stratum

STS = """caption1,caption2,agg_score,sampling_method
COCO_val2014:sentid:11,COCO_val2014:sentid:12,1.24,c2c_isim
COCO_val2014:sentid:13,COCO_val2014:sentid:11,5.0,c2c_isim
COCO_val2014:sentid:99,COCO_val2014:sentid:11,2.4,c2c_isim
"""
CAPTIONS = [
    {"id": 11, "caption": "A cat on a mat. "},
    {"id": 12, "caption": "Two dogs."},
    {"id": 13, "caption": "A cat, on a mat."},
]


def written(tmp_path, text, name="pairs.csv"):
    path = tmp_path / name
    path.write_bytes(text if isinstance(text, bytes) else text.encode())
    return path


def test_crisscrossed_captions_are_joined_with_coco(tmp_path):
    captions = written(tmp_path, json.dumps({"annotations": CAPTIONS}), "captions_val2014.json")
    found = read_pairs(written(tmp_path, STS), captions=captions)
    assert found.pairs == (
        PromptPair("A cat on a mat.", "Two dogs.", 1.24),
        PromptPair("A cat, on a mat.", "A cat on a mat.", 5.0),
    )
    (problem,) = found.problems
    assert problem.startswith("1 row left out, captions that the captions file does not have: COCO_val2014:sentid:99 /")
    assert [pair.stratum for pair in found.pairs] == ["1–2", "same scene"]


def test_rows_that_cannot_be_used_are_counted_and_the_first_three_named(tmp_path):
    rows = ["prompt_a,prompt_b,score", "a,b,1", "b,a,2", "a,b,1", "a,b,1", "a,b,", ",c,1", "c,d,9", "c,e,x", "e,f,"]
    found = read_pairs(written(tmp_path, "\n".join(rows)))
    assert found.pairs == (PromptPair("a", "b", 1.0), PromptPair("e", "f", None))
    assert found.problems == (
        "4 rows left out, duplicate pairs: line 3, line 4, line 5, …",
        "1 row left out, empty prompts: line 7",
        "2 rows left out, scores that are no number from 0 to 5: line 8, line 9",
    )


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("prompt_a,caption\na,b\n", "lacks the columns prompt_b; wanted prompt_a, prompt_b and optionally score"),
        (STS, "ids of MS-COCO captions; name the file captions_val2014.json with --captions"),
        ("prompt_a,prompt_b\n", "holds no usable pair: it has no rows"),
        ("", "is not a CSV file with a header"),
        ("prompt_a,prompt_b\nfa\xe7ade,b\n".encode("latin-1"), "is not UTF-8"),
    ],
)
def test_a_file_of_another_kind_is_refused_in_one_line(tmp_path, text, message):
    with pytest.raises(UserError, match=message):
        read_pairs(written(tmp_path, text))


ONE = (PromptPair("a fox", "a panda"),)


@pytest.mark.parametrize(
    ("text", "pairs", "problem"),
    [
        ("prompt_a,prompt_b\na fox, red,a panda\na fox,a panda\n", ONE, "more fields than the header's 2"),
        ("prompt_a,prompt_b,score\na fox, red,a panda,1\na fox,a panda\n", ONE, "more fields than the header's 3"),
        ("prompt_a,prompt_b,,\na fox,a panda,,\n,,,\n", ONE, None),
        (" Prompt_A , PROMPT_B \n a fox , a panda\n", ONE, None),
        ("\ufeffprompt_a,prompt_b\r\na fox,a panda\r\n", ONE, None),
        ('prompt_a,prompt_b\n"a fox",a panda\n' + "x" * 10_001 + ",b\n", ONE, "prompts of more than 10,000 characters"),
        ('prompt_a,prompt_b\n"a fox, red","a\u2028panda"\n', (PromptPair("a fox, red", "a\u2028panda"),), None),
    ],
)
def test_rows_and_headers_as_people_write_them(tmp_path, text, pairs, problem):
    usable = read_pairs(written(tmp_path, text))
    assert usable.pairs == pairs
    assert len(usable.problems) == (problem is not None)
    assert problem is None or problem in usable.problems[0]
    if problem:
        with pytest.raises(UserError, match="left out"):
            read_pairs(written(tmp_path, text), strict=True)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ('prompt_a,prompt_b\n"a fox,b\n', r"is no CSV file \(line 2"),
        ("prompt_a,prompt_b,prompt_a\na,b,c\n", "has two columns 'prompt_a'"),
        ("prompt_a,prompt_b\na,b\n".encode("utf-16"), "is UTF-16"),
        ("\n\n", "is not a CSV file with a header"),
    ],
)
def test_files_that_cannot_be_read_row_by_row(tmp_path, text, message):
    with pytest.raises(UserError, match=message):
        read_pairs(written(tmp_path, text))


def test_strict_makes_problems_errors_and_missing_files_are_named(tmp_path):
    with pytest.raises(UserError, match="1 row left out, empty prompts: line 3"):
        read_pairs(written(tmp_path, "prompt_a,prompt_b\na,b\n,c\n"), strict=True)
    with pytest.raises(UserError, match=r"cannot read .*missing\.csv"):
        read_pairs(tmp_path / "missing.csv")
    with pytest.raises(UserError, match="is not MS-COCO's captions file"):
        read_pairs(written(tmp_path, STS), captions=written(tmp_path, "[]", "captions.json"))


def test_sampling_goes_round_the_strata():
    pairs = [PromptPair(str(k), "x", float(k % 3) if k < 90 else None) for k in range(100)]
    chosen = sample_by_stratum(pairs, 8, seed=1)
    assert Counter(pair.stratum for pair in chosen) == {"0–1": 8, "1–2": 8, "2–3": 8, None: 8}
    assert {pair.stratum for pair in chosen[:4]} == {"0–1", "1–2", "2–3", None}
    assert sample_by_stratum(pairs, 8, seed=1) == chosen
    assert sample_by_stratum(pairs, 3, seed=1) == chosen[:12]
    assert len(sample_by_stratum(pairs, 1000)) == 100


def test_the_same_scene_in_other_words_is_a_stratum_of_its_own():
    strata = [PromptPair("a", "b", score).stratum for score in (0, 0.99, 1, 4.99, 5, None)]
    assert strata == ["0–1", "0–1", "1–2", "4–5", "same scene", None]
    groups = [PromptPair("a", "b", score).group for score in (0, 4.99, 5, None)]
    assert groups == ["differing prompts", "differing prompts", "same scene", "differing prompts"]
    changed = PromptPair("a b", "b a", 5.0, changed="word order")
    assert changed.stratum == changed.group == "word order"
    with pytest.raises(ValueError, match="changed: unknown 'colour'; known: word order, length"):
        PromptPair("a", "b", changed="colour")


def test_rows_are_named_by_their_line_in_the_file(tmp_path):
    """Empty lines, prompts of several lines, and a column that is called "row" move no number."""
    file = tmp_path / "pairs.csv"
    file.write_text('prompt_a,prompt_b,row\na fox,a panda,7\n\n"two\nlines",b,8\n,empty,9\na fox,a panda,10\n')
    assert read_pairs(file).problems == (
        "1 row left out, empty prompts: line 6",
        "1 row left out, duplicate pairs: line 7",
    )
