"""From prompts to figures: models at the two ends, measurement and drawing after them.

Each folder imports from those before it only (a test holds it):

- :mod:`~whichway.analysis.models`: load a model
- :mod:`~whichway.analysis.prompts`: prompt → conditioning, files of prompts and of pairs
- :mod:`~whichway.analysis.clouds`: clouds on disk, the model's own ground metric, distances between many, projections
- :mod:`~whichway.analysis.paths`: methods by name
- :mod:`~whichway.analysis.images`: cloud → image; the only place that patches a model
- :mod:`~whichway.analysis.smoothness`: how far apart images look, and how smooth a path looks
- :mod:`~whichway.analysis.invariance`: what the image is a function of, checked
- :mod:`~whichway.analysis.runs`: a folder for everything that renders: comparisons, films, barycenters, maps
- :mod:`~whichway.analysis.study`: many pairs of prompts, and what can be said of them
- :mod:`~whichway.analysis.pictures`: every figure, from values already computed
- :mod:`~whichway.analysis.explorer`: all of it in a notebook, live
- :mod:`~whichway.analysis.command`: the command ``whichway``

The names of ``__init__.pyi`` are imported on first use, so that ``whichway --help`` does not load torch.
"""

import lazy_loader

__getattr__, __dir__, __all__ = lazy_loader.attach_stub(__name__, __file__)
