"""Shared fixtures. Shape annotations are enforced here and only here."""

import os

os.environ["HF_HUB_OFFLINE"] = "1"  # before anything reads it: no test may depend on a network

import jaxtyping

from tests import typechecker  # noqa: F401 - named in the hook below

jaxtyping.install_import_hook(["whichway.geometry", "whichway.analysis"], "tests.typechecker.check")

from pathlib import Path

import hypothesis
import pytest
import torch

from whichway.geometry import PointCloud

hypothesis.settings.register_profile("untimed", deadline=None)  # how long a test takes says how busy the machine is
hypothesis.settings.load_profile("untimed")


@pytest.fixture
def unchecked_shapes(monkeypatch: pytest.MonkeyPatch) -> None:
    """Without the annotations' enforcement: what a user's wrong input meets."""
    monkeypatch.setattr(jaxtyping.config, "jaxtyping_disable", True)


def random_cloud(n: int, d: int, seed: int, *, weighted: bool = False) -> PointCloud:
    generator = torch.Generator().manual_seed(seed)
    rows = torch.randn(n, d, generator=generator, dtype=torch.float64)
    if not weighted:
        return PointCloud(rows)
    return PointCloud(rows, torch.rand(n, generator=generator, dtype=torch.float64) + 0.1)


@pytest.fixture(scope="session")
def tiny_pipeline_folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """:func:`tests.tiny_pipelines.stable_diffusion`, saved as a user's folder would be."""
    from tests.tiny_pipelines import stable_diffusion

    folder = tmp_path_factory.mktemp("models") / "tiny"
    stable_diffusion().save_pretrained(folder)
    return folder


@pytest.fixture(scope="session")
def tiny_model():
    """Family → a model of it with random weights, built once; tests leave it as it was."""
    from functools import cache

    from tests.tiny_pipelines import BUILDERS
    from whichway.analysis.models.model import Model

    return cache(lambda family: Model(f"tiny {family}", BUILDERS[family]()))
