"""A pipeline is called, and is afterwards as it was: somebody else may be using it too."""

import copy
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

#: what accelerate keeps on a pipeline about the hooks it has put on its modules, and puts on again after each call
KEPT_BY_OFFLOADING = {"_all_hooks", "_offload_gpu_id", "_offload_device"}


@contextmanager
def undisturbed(pipeline: Any) -> Iterator[None]:
    """Within the context the pipeline may be called and its scheduler used; afterwards its attributes are as before.

    A call leaves its arguments on the pipeline and the scheduler at its last step, so within the context the scheduler
    is a copy; no progress bar is shown. Modules are not guarded: what patches them takes its patches off again.
    """
    attributes = vars(pipeline)  # past the pipeline's own __setattr__, which would write into its configuration
    before = dict(attributes)
    attributes["scheduler"] = copy.deepcopy(pipeline.scheduler)
    attributes["_progress_bar_config"] = {"disable": True}
    try:
        yield
    finally:
        for name in attributes.keys() - before.keys() - KEPT_BY_OFFLOADING:
            del attributes[name]
        attributes.update({name: value for name, value in before.items() if name not in KEPT_BY_OFFLOADING})
