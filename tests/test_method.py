"""Methods by name: coupling × path, which tokens are matched, and what others register."""

import re

import pytest
import torch

from tests.conftest import random_cloud
from whichway.geometry import (
    COUPLINGS,
    METHODS,
    PATHS,
    Cosine,
    CouplingRule,
    CrossAttention,
    DisplacementPath,
    Method,
    PathRule,
    PointCloud,
    build_path,
    couple,
    find_method,
    identity_coupling,
    optimal_coupling,
    register_coupling,
    register_method,
    register_path,
    wasserstein,
)

A, B = random_cloud(12, 5, 0), random_cloud(12, 5, 1)
STRETCHED = CrossAttention(torch.diag(torch.tensor([3.0, 2.0, 1.0, 0.5, 0.1], dtype=torch.float64)))


@pytest.fixture
def clean_registry(monkeypatch):
    """What a test registers is forgotten after it."""
    for name in ("_couplings", "_paths", "_methods"):
        known = getattr(__import__("whichway.geometry.method", fromlist=[name]), name)
        for key in ("reversed", "hop", "backwards"):
            monkeypatch.setitem(known, key, None)
            del known[key]


@pytest.mark.parametrize("coupling", COUPLINGS)
@pytest.mark.parametrize("path", [name for name, rule in PATHS.items() if rule.coupled])
def test_couplings_and_paths_combine_freely_or_say_why_not(coupling, path):
    name = f"{coupling}+{path}"
    if coupling in ("partial", "halved") and path != "partial":
        with pytest.raises(ValueError, match="carries all the mass"):
            build_path(name, A, B)
    elif coupling == "entropic" and path.startswith("aid-"):
        with pytest.raises(ValueError, match="a coupling that is a permutation; this one splits rows"):
            build_path(name, A, B)
    else:
        combined = build_path(name, A, B)
        assert wasserstein(combined(0), A) == pytest.approx(0, abs=1e-6)
        assert wasserstein(combined(1), B) == pytest.approx(0, abs=1e-6)


def test_what_is_registered_is_a_method_like_the_others(clean_registry):
    def upside_down(a, b, ground, seed):
        return identity_coupling(a, b.take([*reversed(range(len(b)))]))

    register_coupling("reversed", CouplingRule("last row first", upside_down))
    register_path("hop", PathRule("at once", lambda a, b, coupling, *_: DisplacementPath(a, b, coupling), "W_2"))
    register_method("backwards", Method("last row first, at once", "reversed", "hop"))
    assert find_method("backwards").summary == METHODS["backwards"].summary == "last row first, at once"
    assert find_method("optimal+hop").path == "hop"
    assert wasserstein(build_path("backwards", A, B)(1), B) == pytest.approx(0, abs=1e-6)
    for register, entry in ((register_coupling, COUPLINGS["reversed"]), (register_path, PATHS["hop"])):
        for name in ("a+b", "a@b", "a,b"):
            with pytest.raises(ValueError, match=re.escape(f"cannot be called {name!r}")):
                register(name, entry)
    with pytest.raises(ValueError, match="the name 'backwards' is taken by another method"):
        register_method("backwards", METHODS["backwards"])


@pytest.mark.parametrize(
    ("method", "said"),
    [
        (Method("", "optimal", "wormhole"), "unknown path 'wormhole' of the method 'new'; known: displacement"),
        (Method("", "guess", "displacement"), "unknown coupling 'guess' of the method 'new'; known: identity"),
        (Method("", None, "displacement"), "the path 'displacement' of the method 'new' takes a coupling"),
        (Method("", "optimal", "mixture"), "the path 'mixture' of the method 'new' takes no coupling"),
    ],
)
def test_a_method_that_cannot_be_is_not_registered(method, said):
    with pytest.raises(ValueError, match=re.escape(said)):
        register_method("new", method)
    assert "new" not in METHODS


@pytest.mark.parametrize("registry", [COUPLINGS, PATHS, METHODS])
def test_a_registry_is_changed_by_registering_only(registry):
    with pytest.raises(TypeError):
        registry["optimal"] = None


@pytest.mark.parametrize(
    ("name", "said"),
    [
        ("sideways", "unknown method 'sideways'; known: identity, random"),
        ("sideways+displacement", "unknown coupling 'sideways'"),
        ("optimal+sideways", "unknown path 'sideways'"),
        ("optimal+mixture", "takes no coupling; wanted 'mixture' alone"),
        ("optimal+hellinger-kantorovich", "takes no coupling; wanted 'unbalanced' alone"),
    ],
)
def test_unknown_names_are_named(name, said):
    with pytest.raises(ValueError, match=re.escape(said)):
        build_path(name, A, B)


def test_rows_that_are_not_chosen_keep_their_index():
    a, b = (PointCloud(cloud.rows, labels=tuple("abcdefghijkl"), size=4) for cloud in (A, B))
    own, words = (couple("optimal", a, b, tokens=tokens).plan(12, 12).argmax(dim=1) for tokens in ("own", "words"))
    assert own[4:].tolist() == words[4:].tolist() == list(range(4, 12))
    assert words[0] == 0
    assert sorted(own[:4].tolist()) == [0, 1, 2, 3]
    inner = optimal_coupling(a.take(range(4)), b.take(range(4))).plan(4, 4).argmax(dim=1)
    assert own[:4].tolist() == inner.tolist()
    between = optimal_coupling(a.take([1, 2]), b.take([1, 2])).plan(2, 2).argmax(dim=1)
    assert words[:4].tolist() == [0, *(1 + between).tolist(), 3]
    assert couple("optimal", a, b, tokens="own").mass.tolist() == pytest.approx([1 / 12] * 12)


def test_an_unbalanced_path_is_built_in_the_space_of_the_ground_metric():
    assert build_path("unbalanced", A, B, ground=STRETCHED).ground is STRETCHED


def test_a_random_path_is_that_of_its_seed():
    ends = [build_path("random", A, B, seed=seed)(1).rows for seed in (0, 1, 1)]
    assert not torch.equal(ends[0], ends[1])
    assert torch.equal(ends[1], ends[2])


def test_tokens_are_chosen_among_rows_of_one_weight():
    weighted = random_cloud(12, 5, 2, weighted=True)
    for a, b in ((A, weighted), (weighted, A)):
        with pytest.raises(ValueError, match="tokens='own' needs clouds of uniform weights"):
            couple("optimal", a, b, tokens="own")


@pytest.mark.parametrize("metric", [Cosine(), STRETCHED])
@pytest.mark.parametrize("name", COUPLINGS)
def test_every_coupling_is_made_in_the_space_of_the_ground_metric(name, metric):
    """It is the Euclidean coupling of the metric's features, by its name and on the path of its name."""
    there = [PointCloud(metric.features(cloud.rows), cloud.weights) for cloud in (A, B)]
    plan = couple(name, *there).plan(12, 12)
    assert torch.allclose(couple(name, A, B, ground=metric).plan(12, 12), plan, atol=1e-9)
    path = build_path(f"{name}+partial", A, B, ground=metric)
    assert torch.allclose(path.coupling.plan(12, 12), plan, atol=1e-9)
