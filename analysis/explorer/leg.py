"""The part of an exploration between two prompts that follow each other."""

from collections.abc import Mapping
from dataclasses import dataclass

from whichway.analysis.families import Conditioning
from whichway.analysis.paths.conditioning_path import ConditioningPath
from whichway.analysis.runs.frame_renderer import FrameRenderer


@dataclass(frozen=True)
class Leg:
    """From one prompt to the next: paths by method, and the renderer that keeps their frames."""

    start: Conditioning
    end: Conditioning
    paths: Mapping[str, ConditioningPath]
    renderer: FrameRenderer
