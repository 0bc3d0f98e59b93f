"""What rendering asks of a model, what it takes, and what it returns."""

from collections.abc import Mapping, MutableMapping
from contextlib import AbstractContextManager
from typing import Any, Protocol, runtime_checkable

import numpy as np
import torch
from jaxtyping import UInt8

from whichway.analysis.families import Conditioning, Family
from whichway.analysis.images.sampling import SamplingDefaults
from whichway.geometry import PointCloud

Picture = UInt8[np.ndarray, "height width 3"]
Images = UInt8[np.ndarray, "frames height width 3"]
Renderable = Conditioning | PointCloud  # a cloud alone: the conditioning of a family that has one cloud


@runtime_checkable
class RenderingModel(Protocol):
    """:class:`whichway.analysis.models.model.Model` is one."""

    @property
    def name(self) -> str: ...
    @property
    def pipeline(self) -> Any: ...
    @property
    def family(self) -> Family: ...
    @property
    def compiled(self) -> bool: ...
    @property
    def lock(self) -> AbstractContextManager: ...
    @property
    def device(self) -> torch.device: ...
    @property
    def dtype(self) -> torch.dtype: ...
    @property
    def defaults(self) -> SamplingDefaults: ...
    @property
    def call_arguments(self) -> Mapping[str, Any]: ...
    @property
    def batch_limits(self) -> MutableMapping[object, int]: ...
    def encode_negative(self, prompt: str | None) -> Conditioning: ...
    def free_text_encoders(self) -> None: ...
