"""Every name that the command offers stands for something, and everything that there is has a name."""

import pytest
import torch

from whichway import geometry
from whichway.analysis import vocabulary
from whichway.analysis.clouds import distances, projection
from whichway.analysis.errors import UserError
from whichway.analysis.images.schedulers import CLASSES
from whichway.analysis.models.dtypes import DTYPES
from whichway.analysis.paths.vector_path import vector_path
from whichway.analysis.smoothness.perceptual_distance import FUNCTIONS


def test_names_are_those_of_the_functions():
    assert set(vocabulary.TOKENS) == set(geometry.TOKENS)
    assert vocabulary.TOKENS == geometry.TOKENS
    assert set(vocabulary.PERCEPTUAL_DISTANCES) == set(FUNCTIONS)
    assert set(vocabulary.SCHEDULERS) == {"own", *CLASSES}
    assert set(vocabulary.DTYPES) == {"auto", *DTYPES}
    assert set(vocabulary.PROJECTIONS) == {"pca", *projection._PLANES}
    assert set(distances.APPROXIMATIONS) < set(vocabulary.DISTANCES)


@pytest.mark.parametrize("pooled", vocabulary.POOLED)
def test_a_pooled_vector_goes_by_every_name(pooled):
    path = vector_path(torch.tensor([1.0, 0.0]), torch.tensor([0.0, 1.0]), pooled, "optimal")
    assert path(0.5).rows.shape == (1, 2)


@pytest.mark.parametrize("scheduler", CLASSES.values())
def test_schedulers_are_classes_of_diffusers(scheduler):
    import diffusers

    assert hasattr(getattr(diffusers, scheduler), "step")


def test_settings_take_the_names_and_no_others():
    from whichway.analysis.runs.comparison_settings import ComparisonSettings

    for ground in vocabulary.GROUNDS:
        assert ComparisonSettings("a", "b", ground=ground).ground == ground
    with pytest.raises(UserError, match="ground: unknown 'sea'; known: euclidean, cosine, cross-attention"):
        ComparisonSettings("a", "b", ground="sea")
