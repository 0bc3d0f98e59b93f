"""``whichway invariance``"""

import sys
from pathlib import Path
from typing import TYPE_CHECKING

import click

from whichway.analysis.command.options import READING, model_options, names, sampling_options
from whichway.analysis.command.outcome import FAILED_CHECK, ends_in_one_line, say

if TYPE_CHECKING:
    from whichway.analysis.images.sampling import Sampling
    from whichway.analysis.models.choice import ModelChoice


@click.command()
@ends_in_one_line("Records so far are in the --json file, if one was named.")
@click.option("--architectures", help="Instead of a model: names separated by commas, or all. Random weights.")
@click.option("--dtypes", help="float64, float32, float16, bfloat16.  [default: all that the device computes in]")
@click.option("--levels", default="layers,denoiser,image", help="Of a model, which to check.")
@click.option("--prompt", default="a fox to the left of a pizza on a blue background", help="The text.")
@click.option("--other", default="a small car at night", help="A text that has to look different.")
@sampling_options(
    "seed", "num_inference_steps", "guidance_scale", "negative_prompt", "true_cfg_scale", "height", "width"
)
@model_options("name", "device", "variant", "loras", "embeddings", "clip_skip", *READING)
@click.option("--json", "json_file", type=click.Path(path_type=Path), help="Write all records here, as a list.")
def invariance(
    model: "ModelChoice",
    sampling: "Sampling",
    architectures: str | None,
    dtypes: str | None,
    levels: str,
    prompt: str,
    other: str,
    json_file: Path | None,
) -> None:
    """Check what the conditioning is a function of: its rows in order, or the measure they are.

    Exit status 0: everything checked is a function of the measure. 1: something is not, or a control shows that the
    check could not have failed. 2: it could not run.
    """
    from whichway.analysis.command.tables import show_census, show_invariance
    from whichway.analysis.files import require_writable, write_json
    from whichway.analysis.invariance.census import take_census
    from whichway.analysis.invariance.check import check_invariance

    if json_file is not None:
        require_writable(json_file)
    if architectures is not None:
        checks = take_census(names("architectures", architectures), seed=sampling.seed, progress=True)
    else:
        checks = check_invariance(
            model.load(say),
            prompt,
            other,
            dtypes=None if dtypes is None else names("dtypes", dtypes),
            levels=names("levels", levels),
            sampling=sampling,
            progress=True,
        )
    records: list = []
    try:
        for record in checks:
            records.append(record)
    finally:
        if json_file is not None:
            write_json(json_file, [record.as_json() for record in records])
    (show_invariance if architectures is None else show_census)(records)
    sys.exit(0 if all(record.measure_invariant for record in records) else FAILED_CHECK)
