"""Which model, and how it is held in memory: the settings that every command which needs a model offers."""

from dataclasses import dataclass
from typing import TYPE_CHECKING

from whichway.analysis.errors import require_known
from whichway.analysis.vocabulary import DEVICES, DTYPES

if TYPE_CHECKING:
    from whichway.analysis.models.model import Model

MINIATURE = "miniature"


@dataclass(frozen=True)
class ModelChoice:
    """The arguments of :func:`whichway.analysis.models.model.load_model`.

    Attributes:
        name: "miniature", a hub id, a folder in diffusers' format, or a .safetensors file.
        device: :data:`whichway.analysis.vocabulary.DEVICES`.
        dtype: :data:`whichway.analysis.vocabulary.DTYPES`.
        variant: of the weights' files: "fp16" reads ``….fp16.safetensors``; None: the plain ones.
        compiled: put ``torch.compile`` before the denoiser.

    Raises:
        UserError: an unknown device or dtype.
    """

    name: str = MINIATURE
    device: str = "auto"
    dtype: str = "auto"
    variant: str | None = None
    compiled: bool = False

    def __post_init__(self) -> None:
        require_known("device", self.device, DEVICES)
        require_known("dtype", self.dtype, DTYPES)

    def load(self) -> "Model":
        """Raises a :class:`~whichway.analysis.errors.UserError` as ``load_model`` does."""
        from whichway.analysis.models.model import load_model

        return load_model(self.name, device=self.device, dtype=self.dtype, variant=self.variant, compiled=self.compiled)
