"""``python -m whichway.miniature.train``: finished stages are skipped, unfinished ones continue."""

from collections.abc import Callable
from functools import partial
from pathlib import Path

import click

from whichway.miniature import CHECKPOINTS, MODEL


@click.command(context_settings={"show_default": True})
@click.option("--model", default=MODEL, type=click.Path(path_type=Path), help="Where the pipeline's folder is written.")
@click.option(
    "--checkpoints", default=CHECKPOINTS, type=click.Path(path_type=Path), help="Resumable state of training."
)
@click.option(
    "--stage", type=click.Choice(["autoencoder", "towers", "judge", "unet"]), help="Only this stage.  [default: all]"
)
@click.option("--batch", default=32, help="Of the denoiser. On a GPU, 256 takes minutes.")
@click.option("--images", type=int, help="How many the denoiser sees in all.  [default: as the shipped weights]")
@click.option("--seed", default=0, help="Of the denoiser's first weights and the order of its data.")
@click.option("--export", is_flag=True, help="Only write the pipeline from the denoiser's latest checkpoint.")
def main(
    model: Path,
    checkpoints: Path,
    stage: str | None,
    batch: int,
    images: int | None,
    seed: int,
    export: bool,
) -> None:
    """Autoencoder, text and vision towers, judge, denoiser: as Stable Diffusion was made, and a judge of its pictures.

    Ctrl-C (or a kill) loses two minutes at most: the same command continues. A stage that is done is only exported
    again; raise its ``steps`` to train it longer.
    """
    from whichway.miniature.judge import train_judge
    from whichway.miniature.train_autoencoder import train_autoencoder
    from whichway.miniature.train_towers import train_towers
    from whichway.miniature.train_unet import export_pipeline, load_average, train_unet

    try:
        if export:
            unet, step = load_average(checkpoints, batch, seed)
            export_pipeline(unet, model)
            click.echo(f"exported the weights of step {step} to {model}")
            return
        stages: dict[str, Callable[[], object]] = {
            "autoencoder": partial(train_autoencoder, checkpoints, model),
            "towers": partial(train_towers, checkpoints, model),
            "judge": partial(train_judge, checkpoints),
            "unet": partial(
                train_unet,
                checkpoints,
                model,
                batch=batch,
                seed=seed,
                steps=None if images is None else images // batch,
            ),
        }
        for name, train_stage in stages.items():
            if stage in (None, name):
                train_stage()
    except (FileNotFoundError, ValueError) as error:  # a missing part, or a checkpoint of another configuration
        raise click.UsageError(str(error)) from error
    except KeyboardInterrupt:
        click.echo("\nInterrupted. The checkpoint is kept; the same command continues.", err=True)
        raise SystemExit(130) from None


if __name__ == "__main__":
    main()
