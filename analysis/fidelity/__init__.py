"""Do the frames in between look like pictures at all? A path can be short because its middle is mush.

Reading order: :mod:`~whichway.analysis.fidelity.frame_fidelity` (what is measured of one path) →
:mod:`~whichway.analysis.fidelity.world` (pictures of the miniature's world) →
:mod:`~whichway.analysis.fidelity.text_image` (pictures and captions) →
:mod:`~whichway.analysis.fidelity.scene_agreement` (both instruments on the same picture) →
:mod:`~whichway.analysis.fidelity.kernel_distance` (frames of many paths against real images).
"""
