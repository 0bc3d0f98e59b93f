"""Which packages made a result."""

from collections.abc import Iterable
from importlib.metadata import version

PACKAGES = ("whichway", "torch", "diffusers", "transformers", "numpy", "scipy", "POT")
#: those that can change an image of the same conditioning; the others only compute, measure or draw
RENDERING_PACKAGES = ("whichway", "torch", "diffusers", "transformers")


def versions(packages: Iterable[str] = PACKAGES) -> dict[str, str]:
    """Package → installed version."""
    return {name: version(name) for name in packages}
