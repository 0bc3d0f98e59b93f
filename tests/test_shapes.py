"""Shape annotations are enforced while tests run: an array of another shape is refused on the way in."""

import numpy as np
import pytest
import torch
from jaxtyping import TypeCheckError

from whichway.analysis.smoothness.measures import gini
from whichway.geometry import PointCloud


def test_a_matrix_where_numbers_are_wanted():
    with pytest.raises(TypeCheckError, match=r"f64\[2,3\]"):
        gini(np.ones((2, 3)))


def test_rows_and_weights_of_different_number():
    with pytest.raises(TypeCheckError, match=r"f64\[4,3\]"):
        PointCloud(torch.ones(4, 3, dtype=torch.float64), torch.ones(5, dtype=torch.float64))


@pytest.mark.usefixtures("unchecked_shapes")
def test_a_fixture_takes_the_enforcement_away():
    with pytest.raises(ValueError, match=r"weights"):
        PointCloud(torch.ones(4, 3, dtype=torch.float64), torch.ones(5, dtype=torch.float64))
