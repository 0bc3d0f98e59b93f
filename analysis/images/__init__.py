"""Conditioning → image. The only place that patches a model, and puts it back.

Reading order: :mod:`~whichway.analysis.images.sampling` → :mod:`~whichway.analysis.images.noise` →
:mod:`~whichway.analysis.images.guidance` → :mod:`~whichway.analysis.images.text_arguments` →
:mod:`~whichway.analysis.images.pipeline_call` → :mod:`~whichway.analysis.images.batch` →
:mod:`~whichway.analysis.images.rendering`; what changes in the model's
layers meanwhile: :mod:`~whichway.analysis.images.weighted_attention` where text has a softmax of its own,
:mod:`~whichway.analysis.images.joint_attention` where it shares one with the image,
:mod:`~whichway.analysis.images.attention_interpolation`, :mod:`~whichway.analysis.images.conditioning_cache`.
"""
