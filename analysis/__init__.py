"""From prompts to figures: models at the two ends, measurement and drawing after them.

Each folder imports from those before it only (a test holds it):

- :mod:`~whichway.analysis.families`: what a text is to each family of models: conditionings
- :mod:`~whichway.analysis.images`: conditioning → image; the sampling, its noise; the only place that patches a model
- :mod:`~whichway.analysis.models`: which model, loaded; a model encodes prompts and renders conditionings
- :mod:`~whichway.analysis.prompts`: prompt → conditioning, files of prompts and of pairs
- :mod:`~whichway.analysis.clouds`: clouds on disk, ground metrics by name, distances between many, projections
- :mod:`~whichway.analysis.paths`: methods by name, and paths of whole conditionings
- :mod:`~whichway.analysis.smoothness`: how far apart images look, and how smooth a path looks
- :mod:`~whichway.analysis.fidelity`: whether the images in between look like pictures at all
- :mod:`~whichway.analysis.geodesics`: the shortest way in images, by gradients through the sampling
- :mod:`~whichway.analysis.invariance`: what the image is a function of, checked
- :mod:`~whichway.analysis.statistics`: what results on many pairs of prompts say
- :mod:`~whichway.analysis.pictures`: every figure, from values already computed
- :mod:`~whichway.analysis.runs`: a folder for all that renders: comparisons, films, barycenters, maps; its frames
- :mod:`~whichway.analysis.study`: many pairs of prompts, and the report on them
- :mod:`~whichway.analysis.explorer`: all of it in a notebook, live
- :mod:`~whichway.analysis.command`: the command ``whichway``

Beside them: :mod:`~whichway.analysis.vocabulary` (the names of all choices), :mod:`~whichway.analysis.errors`,
:mod:`~whichway.analysis.files` (writing whole files), :mod:`~whichway.analysis.optional_packages` (how to get them),
:mod:`~whichway.analysis.plugins` (what others register), :mod:`~whichway.analysis.cluster` (Dask).

The names of ``__init__.pyi`` are imported on first use, so that ``whichway --help`` does not load torch.
"""

import lazy_loader

__getattr__, __dir__, __all__ = lazy_loader.attach_stub(__name__, __file__)
