"""Settings and their model: what the settings leave to the model, said by the model."""

from collections.abc import Callable
from dataclasses import replace
from typing import Any, Protocol, TypeVar, runtime_checkable

from whichway.analysis.images.sampling import Sampling
from whichway.analysis.images.schedulers import require_schedulable
from whichway.analysis.models.choice import ModelChoice
from whichway.analysis.models.model import Model


@runtime_checkable
class HasModelAndSampling(Protocol):
    """A dataclass of settings."""

    @property
    def model(self) -> ModelChoice: ...
    @property
    def sampling(self) -> Sampling: ...


Settings = TypeVar("Settings", bound=HasModelAndSampling)


def with_model(
    settings: Settings, model: Model | None, report: Callable[[str], object] = lambda line: None
) -> tuple[Settings, Model]:
    """The model, loaded where the caller has none, and the settings with nothing left open: as records keep them.

    Raises:
        UserError: a model that cannot be loaded, or more sampling steps than it has.
    """
    model = model or settings.model.load(report)
    resolved: Any = settings
    sampling, choice = settings.sampling.resolved(model.defaults), settings.model.as_loaded(model)
    require_schedulable(model.pipeline, sampling.num_inference_steps)
    return replace(resolved, sampling=sampling, model=choice), model
