"""Geodesics of the render map: the shortest way in images, and the metric that images put on clouds.

Reading order: :mod:`~whichway.analysis.geodesics.settings` → :mod:`~whichway.analysis.geodesics.string` (the clouds on
the way, and how they may move) → :mod:`~whichway.analysis.geodesics.encoder_prior` (what keeps them near the encoder's)
→ :mod:`~whichway.analysis.geodesics.descent` (how they do move). Beside it the metric at one cloud:
:mod:`~whichway.analysis.geodesics.pull_back`.
"""
