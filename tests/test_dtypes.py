"""Tolerances against what their formula gives by hand, and against the rounding that really happens."""

import pytest
import torch

from whichway.analysis.models.dtypes import (
    DTYPES,
    random_walk,
    rounding_tolerance,
    sampling_tolerance,
)

EPS = {name: torch.finfo(dtype).eps for name, dtype in DTYPES.items()}


def test_a_walk_bounds_the_rounding_of_sums_and_is_not_much_wider():
    """The same 400 numbers added one after the other in two orders, relative to the size of the partial sums."""
    generator = torch.Generator().manual_seed(0)
    terms = torch.randn(400, 2000, generator=generator)
    sums, squares = [], []
    for order in (range(400), torch.randperm(400, generator=generator).tolist()):
        total = torch.zeros(2000)
        for index in order:
            total = total + terms[index]
            squares.append(float(total.square().mean()))
        sums.append(total.double())
    size = (sum(squares) / len(squares)) ** 0.5
    spread = float((sums[0] - sums[1]).std()) / size
    assert (
        0.5 < spread / random_walk(torch.float32, 400) < 1
    )  # an epsilon is a number's last digit at most, and half of it at least


@pytest.mark.parametrize("name", ["float64", "float32"])
def test_a_layer_rounds_its_output_once_and_every_term_of_its_sums(name):
    layer = torch.nn.Linear(18, 5)
    expected = EPS[name] / 6**0.5 + 2 * EPS[name]
    assert rounding_tolerance(layer, DTYPES[name], rows=6) == pytest.approx(expected)


@pytest.mark.parametrize("name", ["float16", "bfloat16"])
def test_half_precisions_are_summed_in_float32(name):
    layer = torch.nn.Linear(18, 5)
    expected = EPS[name] / 6**0.5 + 2 * EPS["float32"]
    assert rounding_tolerance(layer, DTYPES[name], rows=6) == pytest.approx(expected)


@pytest.mark.parametrize("repeated", [250, 1000])
def test_equal_rows_drift_more_than_a_walk_and_no_more_than_is_allowed(repeated):
    """Attention to equal rows, summed one after the other in float32, against float64: root mean square of 2,000."""
    generator = torch.Generator().manual_seed(0)
    weights, values = torch.rand(2000, generator=generator) + 0.5, torch.rand(2000, generator=generator) + 0.5
    above, below = torch.zeros(2000), torch.zeros(2000)
    for _ in range(repeated):
        above, below = above + weights * values, below + weights
    exact = (weights * values).double() / weights.double()
    drift = float((above.double() / below.double() / exact - 1).square().mean().sqrt())
    layer = torch.nn.Linear(6, 5)
    walk, allowed = (rounding_tolerance(layer, torch.float32, rows=repeated, repeated=n) for n in (0, repeated))
    assert allowed - walk == pytest.approx(repeated * EPS["float32"] / 2)
    assert walk < drift < allowed


def test_layers_are_counted_as_if_on_one_path():
    layers = torch.nn.Sequential(torch.nn.Linear(12, 12), torch.nn.LayerNorm(12), torch.nn.Conv2d(2, 3, 3))
    expected = EPS["float32"] * ((2 / 6) ** 0.5 + ((12 + 18 + 24) / 6) ** 0.5)
    assert rounding_tolerance(layers, torch.float32, rows=24) == pytest.approx(expected)


def test_guidance_amplifies_and_steps_average():
    storing = EPS["float32"] * (6 / 6) ** 0.5
    for guidance, evaluations in ((0.0, 1), (1.0, 1), (3.0, 13**0.5), (7.5, 98.5**0.5)):
        expected = 1e-6 * evaluations / 6**0.5 + storing
        assert sampling_tolerance(1e-6, torch.float32, steps=6, guidance=guidance) == pytest.approx(expected)
