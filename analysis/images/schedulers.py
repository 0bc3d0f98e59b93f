"""Schedulers that stand in for a model's own while images are sampled."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import wraps
from typing import Any

from whichway.analysis.errors import UserError

#: name (:data:`whichway.analysis.vocabulary.SCHEDULERS`) → diffusers' class
CLASSES = {
    "ddim": "DDIMScheduler",
    "dpm": "DPMSolverMultistepScheduler",
    "euler": "EulerDiscreteScheduler",
    "euler-ancestral": "EulerAncestralDiscreteScheduler",
    "unipc": "UniPCMultistepScheduler",
}


@contextmanager
def scheduled(pipeline: Any, name: str) -> Iterator[None]:
    """Within the context, the pipeline samples with the scheduler called ``name``, on its own noise schedule.

    Raises:
        UserError: a scheduler that draws noise which no generator of ours reaches.
    """
    own = pipeline.scheduler
    if name != "own":
        import diffusers

        pipeline.scheduler = getattr(diffusers, CLASSES[name]).from_config(own.config)
    try:
        if pipeline.scheduler.config.get("stochastic_sampling"):
            raise UserError(
                f"scheduler {type(pipeline.scheduler).__name__} with stochastic_sampling draws other noise in each "
                "frame; turn stochastic_sampling off"
            )
        yield
    finally:
        pipeline.scheduler = own


@contextmanager
def after_each_step(pipeline: Any, ended: Callable[[], object]) -> Iterator[None]:
    """Within the context, ``ended`` is called after each step of the pipeline's scheduler; what it raises ends the call.

    Not through ``callback_on_step_end``, which some pipelines take and never call (PixArt).
    """
    scheduler = pipeline.scheduler
    patched, step = vars(scheduler).get("step"), scheduler.step

    @wraps(step)  # pipelines look at its signature
    def stepped(*args: Any, **kwargs: Any) -> Any:
        result = step(*args, **kwargs)
        ended()
        return result

    scheduler.step = stepped
    try:
        yield
    finally:
        del scheduler.step
        if patched is not None:
            scheduler.step = patched
