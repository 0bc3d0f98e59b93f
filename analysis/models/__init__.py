"""Which model, loaded: :mod:`~whichway.analysis.models.choice` → :mod:`~whichway.analysis.models.loading` →
:mod:`~whichway.analysis.models.model`, and how it is told from others: :mod:`~whichway.analysis.models.fingerprint`.
"""
