"""Train the miniature: ``python -m miniature.train``. Finished stages are skipped, unfinished ones continue."""

from collections.abc import Callable
from functools import partial
from pathlib import Path

import click

from miniature import CHECKPOINTS, MODEL


@click.command(context_settings={"show_default": True})
@click.option("--model", default=MODEL, type=click.Path(path_type=Path), help="Where the pipeline's folder is written.")
@click.option(
    "--checkpoints", default=CHECKPOINTS, type=click.Path(path_type=Path), help="Resumable state of training."
)
@click.option(
    "--stage", type=click.Choice(["autoencoder", "towers", "unet", "decoder"]), help="Only this stage.  [default: all]"
)
@click.option(
    "--compile", "compiled", is_flag=True, help="torch.compile the denoiser and the decoder: a third less time a step."
)
@click.option("--export", is_flag=True, help="Only write the pipeline from the denoiser's latest checkpoint.")
def main(model: Path, checkpoints: Path, stage: str | None, compiled: bool, export: bool) -> None:
    """Autoencoder, text and vision towers, denoiser, as Stable Diffusion was made; then more of the decoder.

    Ctrl-C (or a kill) loses two minutes at most: the same command continues. A stage that is done is only exported
    again; raise its ``steps`` to train it longer.
    """
    from miniature.train_autoencoder import train_autoencoder
    from miniature.train_decoder import train_decoder
    from miniature.train_towers import train_towers
    from miniature.train_unet import export_checkpoint, train_unet

    try:
        if export:
            click.echo(f"exported the weights of step {export_checkpoint(checkpoints, model)} to {model}")
            return
        stages: dict[str, Callable[[Path, Path], None]] = {
            "autoencoder": train_autoencoder,
            "towers": train_towers,
            "unet": partial(train_unet, compiled=compiled),
            "decoder": partial(train_decoder, compiled=compiled),
        }
        for name, train_stage in stages.items():
            if stage in (None, name):
                train_stage(checkpoints, model)
    except (FileNotFoundError, ValueError) as error:  # no font, or a checkpoint of another configuration
        raise click.UsageError(str(error)) from error
    except KeyboardInterrupt:
        click.echo("\nInterrupted. The checkpoint is kept; the same command continues.", err=True)
        raise SystemExit(130) from None


if __name__ == "__main__":
    main()
