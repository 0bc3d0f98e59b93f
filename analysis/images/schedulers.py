"""Schedulers that stand in for a model's own while images are sampled."""

import inspect
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


def require_schedulable(pipeline: Any, num_inference_steps: int) -> None:
    """Complain before anything is rendered.

    Raises:
        UserError: more sampling steps than the noise schedule has times.
    """
    most = pipeline.scheduler.config.get("num_train_timesteps", 1000)
    if num_inference_steps > most:
        raise UserError(
            f"num_inference_steps: wanted 1 to {most}, the times that the model was trained at, got "
            f"{num_inference_steps}"
        )


@contextmanager
def scheduled(pipeline: Any, name: str) -> Iterator[None]:
    """Within the context, the pipeline samples with the scheduler called ``name``, on its own noise schedule.

    Raises:
        UserError: a scheduler that does not fit the model, or that draws noise which no generator of ours reaches.
    """
    own = pipeline.scheduler
    if name != "own":
        pipeline.scheduler = _stand_in(own, name)
    try:
        if pipeline.scheduler.config.get("stochastic_sampling"):
            raise UserError(
                f"scheduler {type(pipeline.scheduler).__name__} with stochastic_sampling draws other noise in each "
                "frame; turn stochastic_sampling off"
            )
        yield
    finally:
        pipeline.scheduler = own


def _stand_in(own: Any, name: str) -> Any:
    """Another scheduler with the noise schedule of the model's own.

    Raises:
        UserError: a schedule that it does not have: a model of rectified flow (SD 3, Flux) moves in a straight line
            from noise to image, where others add noise of growing variance.
    """
    import diffusers

    scheduler_class = getattr(diffusers, CLASSES[name])
    flow = "FlowMatch" in type(own).__name__ or bool(own.config.get("use_flow_sigmas"))
    if not flow:
        return scheduler_class.from_config(own.config)
    if "use_flow_sigmas" not in inspect.signature(scheduler_class.__init__).parameters:
        fitting = [
            other
            for other, cls in CLASSES.items()
            if "use_flow_sigmas" in inspect.signature(getattr(diffusers, cls).__init__).parameters
        ]
        raise UserError(
            f"scheduler {name!r} has no schedule for models of rectified flow, as this one with its "
            f"{type(own).__name__} is; wanted own{''.join(f', {other}' for other in fitting)}"
        )
    shift = own.config.get("shift", own.config.get("flow_shift", 1.0))
    if own.config.get("use_dynamic_shifting"):
        raise UserError(
            f"scheduler {name!r} cannot stand in for a {type(own).__name__} whose schedule depends on the size of the "
            "image; wanted own"
        )
    return scheduler_class(
        num_train_timesteps=own.config.num_train_timesteps,
        prediction_type="flow_prediction",
        use_flow_sigmas=True,
        flow_shift=shift,
    )


@contextmanager
def after_each_step(pipeline: Any, ended: Callable[[Any], object]) -> Iterator[None]:
    """Within the context, ``ended`` gets what each step of the pipeline's scheduler returns; what it raises stops it.

    Not through ``callback_on_step_end``, which some pipelines take and never call (PixArt).
    """
    scheduler = pipeline.scheduler
    patched, step = vars(scheduler).get("step"), scheduler.step

    @wraps(step)  # pipelines look at its signature
    def stepped(*args: Any, **kwargs: Any) -> Any:
        result = step(*args, **kwargs)
        ended(result)
        return result

    scheduler.step = stepped
    try:
        yield
    finally:
        del scheduler.step
        if patched is not None:
            scheduler.step = patched
