"""From errors and controls to a verdict: everything has to hold, and the check has to be able to fail."""

import math
from dataclasses import replace

import pytest

from whichway.analysis.invariance.record import InvarianceRecord
from whichway.analysis.invariance.rewriting import REWRITINGS


@pytest.fixture
def record():
    return InvarianceRecord(
        architecture="UNet",
        level="denoiser",
        dtype="float64",
        errors=dict.fromkeys(REWRITINGS, 0.9e-6),
        tolerance=1e-6,
        controls={"different_text": 5.1e-6, "word_order": 5.1e-6, "broken_attention": 1.1e-6},
        reason="",
    )


def test_a_record_holds_if_its_errors_are_small_and_its_controls_large(record):
    assert record.measure_invariant
    assert record.permutation_invariant
    assert record.as_json()["failed_controls"] == []


@pytest.mark.parametrize("change", [4.9e-6, 0.0, math.nan])
@pytest.mark.parametrize("control", ["different_text", "word_order", "broken_attention"])
def test_each_control_is_needed(record, control, change):
    weak = replace(record, controls=record.controls | {control: change})
    if control == "broken_attention" and change == 4.9e-6:
        assert weak.measure_invariant  # it has to be caught, not to be large
        return
    assert weak.failed_controls == [control]
    assert not weak.permutation_invariant
    assert not weak.measure_invariant


@pytest.mark.parametrize("error", [1.1e-6, math.nan, None])
@pytest.mark.parametrize("name", REWRITINGS)
def test_each_property_is_needed(record, name, error):
    other = replace(record, errors=record.errors | {name: error})
    assert not other.measure_invariant
    assert other.permutation_invariant == (name != "permutation")


def test_a_record_without_another_text_is_no_record(record):
    with pytest.raises(ValueError, match="wanted different_text at least, got none"):
        replace(record, controls={})
