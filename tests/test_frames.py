from tests.conftest import random_cloud
from whichway.analysis.runs.frames import image_key
from whichway.geometry import PointCloud, build_path

A, B = random_cloud(7, 4, 0, weighted=True), random_cloud(7, 4, 1)
ORDER = [3, 0, 6, 1, 5, 2, 4]


def test_the_key_of_a_frame_knows_rows_and_weights_but_no_order():
    assert image_key(A.take(ORDER)) == image_key(A)
    assert image_key(A) != image_key(B)
    assert image_key(A) != image_key(PointCloud(A.rows, A.weights[ORDER]))


def test_where_a_frame_attends_to_rows_by_their_place_order_counts():
    plain, other = (build_path("aid-inner", start, B)(0.5) for start in (B.take([1, 0, *range(2, 7)]), B))
    assert image_key(plain) != image_key(other)
