"""Many pairs of prompts. Reading order: :mod:`~whichway.analysis.study.settings` →
:mod:`~whichway.analysis.study.study` (what is done) → :mod:`~whichway.analysis.study.unit` (one pair, one seed) →
:mod:`~whichway.analysis.study.results` (tables) → :mod:`~whichway.analysis.study.report` (the page).
"""
