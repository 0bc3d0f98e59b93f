"""From prompts to figures: models at the two ends, measurement and drawing after them.

Reading order: :mod:`analysis.model` (load) → :mod:`analysis.encoding` (prompt → cloud) → :mod:`analysis.rendering`
(cloud → image) with :mod:`analysis.weighted_attention` (a cloud's weights) → :mod:`analysis.perception` (how far apart
two images look) → :mod:`analysis.smoothness` (how smooth a path looks) → :mod:`analysis.projection` (paths on a plane)
→ :mod:`analysis.comparison` (all of it between two prompts, as one resumable run) → :mod:`analysis.study` (between many
pairs) with :mod:`analysis.statistics` and :mod:`analysis.report` → :mod:`analysis.explorer` (all of it in a notebook,
live) and :mod:`analysis.cli` (the command ``whichway``).
What it all rests on is checked in :mod:`analysis.invariance` (a model, level by level) and :mod:`analysis.census` (the
classes of diffusers, in :mod:`analysis.architectures`).

Names are imported on first use, so that ``import analysis`` and ``whichway --help`` do not load torch.
"""

from importlib import import_module

_HOME = {
    "load_model": "analysis.model",
    "encode": "analysis.encoding",
    "render": "analysis.rendering",
    "Sampling": "analysis.rendering",
    "perceptual_distance": "analysis.perception",
    "measure_smoothness": "analysis.smoothness",
    "project": "analysis.projection",
    "compare": "analysis.comparison",
    "run_study": "analysis.study",
    "StudySettings": "analysis.study",
    "Settings": "analysis.comparison",
    "check_invariance": "analysis.invariance",
    "take_census": "analysis.census",
}
__all__ = list(_HOME)


def __getattr__(name: str) -> object:
    if name in _HOME:
        return getattr(import_module(_HOME[name]), name)
    raise AttributeError(f"module 'analysis' has no attribute {name!r}")
