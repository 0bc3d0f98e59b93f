"""A folder for everything that renders.

Reading order: :mod:`~whichway.analysis.runs.run` (opens or continues a folder) →
:mod:`~whichway.analysis.runs.frame_renderer` (renders what is not there), with
:mod:`~whichway.analysis.runs.frame_address` (what a frame depends on), :mod:`~whichway.analysis.runs.frame_store` and
:mod:`~whichway.analysis.runs.frame_index` → :mod:`~whichway.analysis.runs.rendered_paths` →
:mod:`~whichway.analysis.runs.comparison`, and beside it the other kinds of run.
"""
