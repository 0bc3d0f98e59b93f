"""Photographs as ends of paths: the conditioning whose image is a given photograph.

Reading order: :mod:`~whichway.analysis.inversion.settings` → :mod:`~whichway.analysis.inversion.photograph` (a file, as
the model can paint it) → :mod:`~whichway.analysis.inversion.autoencoder` (what of it the model can paint at all) →
:mod:`~whichway.analysis.inversion.starts` (where the search begins) → :mod:`~whichway.analysis.inversion.descent` (how
it goes on). Beside it, as an option, the noise: :mod:`~whichway.analysis.inversion.ddim_noise`.
"""
