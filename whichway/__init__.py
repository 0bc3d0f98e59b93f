"""The geometry of prompt embeddings: which way from B to A?

- :mod:`whichway.geometry`: clouds, distances, couplings and paths; knows no model
- :mod:`whichway.analysis`: from prompts to images and figures
- :mod:`whichway.miniature`: the embedded model, its world, and how it was trained

The names of ``__init__.pyi`` are imported on first use: ``import whichway`` loads neither torch nor diffusers.
"""

import lazy_loader

__getattr__, __dir__, __all__ = lazy_loader.attach_stub(__name__, __file__)
