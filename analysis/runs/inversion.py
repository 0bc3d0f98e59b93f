"""``whichway invert``: a photograph → the conditioning whose image it is, in a folder of its own, resumable."""

from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from time import perf_counter
from typing import Any

import numpy as np
from PIL import Image
from tqdm.auto import tqdm

from whichway.analysis.errors import UserError
from whichway.analysis.families import Conditioning
from whichway.analysis.files import read_json, write_json, write_safetensors, written_whole
from whichway.analysis.geodesics.encoder_prior import plain_captions
from whichway.analysis.images.rendering_model import Picture
from whichway.analysis.images.travelling_noise import GivenNoise, with_noise
from whichway.analysis.inversion.autoencoder import Reconstruction, psnr, reconstruct
from whichway.analysis.inversion.ddim_noise import invert_noise, require_ddim
from whichway.analysis.inversion.descent import Descent, Target, descend
from whichway.analysis.inversion.parts import PartsPrior
from whichway.analysis.inversion.photograph import Photograph, read_photograph
from whichway.analysis.inversion.settings import InversionSettings
from whichway.analysis.inversion.starts import starting_prompts
from whichway.analysis.models.model import Model
from whichway.analysis.models.photographs import FOLDER, RECORD, SEED, read_inversion, write_inversion
from whichway.analysis.models.versions import versions
from whichway.analysis.models.with_model import with_model
from whichway.analysis.runs.inversion_store import InversionStore
from whichway.analysis.runs.run import Run, open_run, run_name
from whichway.analysis.smoothness.differentiable_distance import find_embedding
from whichway.analysis.smoothness.feature_space import channels_first
from whichway.analysis.smoothness.perceptual_distance import perceptual_distance

KIND = "inversion"
PHOTOGRAPH, RECONSTRUCTION, INVERTED = "photograph.png", "autoencoder.png", "inverted.png"
PICTURE, SECONDS, NOISE = "inversion.png", "seconds.json", "noise.safetensors"


@dataclass(frozen=True, eq=False)
class Inversion:
    """A finished inversion: where it is, what it found, and its record (``inversion.json``)."""

    folder: Path
    conditioning: Conditioning
    record: dict[str, Any]

    def __str__(self) -> str:
        own, kept, distance = self.record["inverted"], self.record["autoencoder"], self.record["perceptual_distance"]
        return (
            f"{self.record['photograph']['name']}: {distance} {own['distance']:.3f}, PSNR {own['psnr']:.1f} dB (the "
            f"autoencoder alone: {kept['distance']:.3f}, {kept['psnr']:.1f} dB), from {self.record['start']!r}: "
            f"{self.folder}"
        )


def invert(
    settings: InversionSettings,
    *,
    out: Path | None = None,
    model: Model | None = None,
    progress: bool = True,
    report: Callable[[str], object] = lambda line: None,
) -> Inversion:
    """Find the conditioning, write it with its record and pictures; an interrupted search goes on.

    From then on ``@`` and the photograph's file, or the folder, stands for it wherever this model encodes prompts.

    Args:
        out: the folder; default ``runs/inversions/<photograph>-<hash>``.

    Raises:
        UserError: a photograph that cannot be read, a model whose images have no gradient or whose sampling is not
            deterministic, a folder that holds another run, out of memory.
    """
    _ = find_embedding(settings.perceptual_distance)
    settings, model = with_model(settings, model, report)
    if settings.noise != SEED:
        require_ddim(model, settings.sampling)
    photograph = read_photograph(Path(settings.photograph), *_size(settings))
    if photograph.changes:
        report(f"{photograph.name}: {'; '.join(photograph.changes)}")
    identity = {"photograph": photograph.sha256, **settings.identity, **model.identity}
    folder = out or FOLDER / run_name([Path(settings.photograph).stem], identity)
    with open_run(folder, KIND, identity=identity, settings=asdict(settings), model=model, report=report) as run:
        return _finished(run, photograph) or _invert(run, settings, photograph, progress)


def _size(settings: InversionSettings) -> tuple[int, int]:
    """Height and width, which are no longer left to the model."""
    height, width = settings.sampling.height, settings.sampling.width
    if height is None or width is None:
        raise TypeError("sampling: wanted a resolved one")
    return height, width


def _finished(run: Run, photograph: Photograph) -> Inversion | None:
    """What is there already; looked up by the photograph's file from now on, as what was found last."""
    if not (run.folder / RECORD).is_file() or not (run.folder / PICTURE).is_file():
        return None
    identity = run.model.rendering_identity
    saved = read_inversion(run.folder, identity)
    if saved is None or saved.record["photograph"]["sha256"] != photograph.sha256:
        return None
    run.report(f"{photograph.name}: inverted already")
    write_inversion(run.folder, saved.conditioning, saved.record, identity)
    return Inversion(run.folder, saved.conditioning, dict(saved.record))


def _invert(run: Run, settings: InversionSettings, photograph: Photograph, progress: bool) -> Inversion:
    model, clock = run.model, _Clock(run.folder / SECONDS)
    kept = reconstruct(model, photograph.pixels)
    prompts = starting_prompts(model, photograph.pixels, settings, run.report)
    starts = dict(zip(prompts, model.encode(prompts), strict=True))
    prior = PartsPrior.of_captions(model.encode(settings.captions or plain_captions()))
    dress = _noise(run, settings, kept, starts[prompts[-1]])
    run.report(f"{photograph.name}: starting from {'; '.join(map(repr, prompts))}")
    target = Target(model, settings.sampling, starts, prior, channels_first(photograph.pixels[None]), dress)
    store = InversionStore(run.folder)
    descents = store.read([Descent.from_start(*each) for each in starts.items()])
    best = _follow(target, settings, descents, store, clock, progress)
    conditioning = prior.move(starts[best.prompt], best.best)
    [image] = model.render([dress(conditioning)], settings.sampling)
    record = _record(run, settings, photograph, kept, descents, best, image) | {"seconds": round(clock.seconds, 1)}
    _write_pictures(run.folder, photograph, kept, image, record)
    write_inversion(run.folder, conditioning, record, model.rendering_identity)
    return Inversion(run.folder, conditioning, record)


def _noise(
    run: Run, settings: InversionSettings, kept: Reconstruction, text: Conditioning
) -> Callable[[Conditioning], Conditioning]:
    """Puts the noise on conditionings that the photograph's latents came from; none is put on for the seed's."""
    if settings.noise == SEED:
        return lambda conditioning: conditioning
    noise = GivenNoise(invert_noise(run.model, kept.latents, text, settings.sampling))
    write_safetensors(run.folder / NOISE, {"noise": noise.values.contiguous()}, {"sha256": noise.sha256})
    return lambda conditioning: with_noise(conditioning, noise)


class _Clock:
    """Seconds spent in the search, over all its interruptions."""

    def __init__(self, path: Path) -> None:
        self.path, self.begun, self.before = path, perf_counter(), 0.0
        try:
            self.before = float(read_json(path)["seconds"])
        except (OSError, ValueError, KeyError, TypeError):
            self.before = 0.0

    @property
    def seconds(self) -> float:
        return self.before + perf_counter() - self.begun

    def write(self) -> None:
        write_json(self.path, {"seconds": self.seconds})


def _follow(
    target: Target,
    settings: InversionSettings,
    descents: list[Descent],
    store: InversionStore,
    clock: _Clock,
    progress: bool,
) -> Descent:
    """:func:`whichway.analysis.inversion.descent.descend` with a progress bar, kept on disk after each iteration."""
    done = max(len(each.objectives) for each in descents)
    total = settings.trial + settings.iterations
    with tqdm(total=total, initial=done, desc="inversion", disable=not progress) as bar:

        def after_each(descents: Sequence[Descent]) -> None:
            store.write(descents)
            clock.write()
            bar.update()
            leading = min(descents, key=lambda each: min(each.objectives))
            bar.set_postfix_str(f"objective {min(leading.objectives):.3f} from {leading.prompt[:30]!r}")

        return descend(target, settings, descents, after_each=after_each)


def _record(
    run: Run,
    settings: InversionSettings,
    photograph: Photograph,
    kept: Reconstruction,
    descents: Sequence[Descent],
    best: Descent,
    image: Picture,
) -> dict[str, Any]:
    def compared(other: Picture) -> dict[str, float]:
        [distance] = perceptual_distance(settings.perceptual_distance, photograph.pixels[None], other[None])
        return {"psnr": psnr(photograph.pixels, other), "distance": float(distance)}

    starts = [
        {"prompt": each.prompt, "objective_after_trial": min(each.objectives[: settings.trial])} for each in descents
    ]
    return {
        "photograph": {"name": photograph.name, "sha256": photograph.sha256, "changes": list(photograph.changes)},
        "perceptual_distance": settings.perceptual_distance,
        "noise": settings.noise,
        "start": best.prompt,
        "starts": starts,
        "inverted": compared(image) | {"excess": best.excesses[best.best_index]},
        "autoencoder": compared(kept.pixels),
        "objectives": best.objectives,
        "distances": best.distances,
        "sampling": asdict(settings.sampling),
        "settings": {name: list(v) if isinstance(v, tuple) else v for name, v in settings.identity.items()},
        "model": {"name": run.model.name, **run.model.identity},
        "versions": versions(),
    }


def _write_pictures(
    folder: Path, photograph: Photograph, kept: Reconstruction, image: Picture, record: dict[str, Any]
) -> None:
    pixels = {PHOTOGRAPH: photograph.pixels, RECONSTRUCTION: kept.pixels, INVERTED: image}
    for name, picture in pixels.items():
        with written_whole(folder / name) as aside:
            Image.fromarray(picture).save(aside)
    from whichway.analysis.pictures.inversion import draw_inversions

    with written_whole(folder / PICTURE) as aside:
        draw_inversions([inverted_pictures(folder, record)]).savefig(aside)


def inverted_pictures(folder: Path, record: dict[str, Any]) -> Any:
    """The three pictures of an inversion's folder, with their captions.

    Raises:
        UserError: one is missing, or damaged.
    """
    from whichway.analysis.pictures.inversion import InvertedPictures
    from whichway.analysis.pictures.style import quoted

    try:
        photograph, kept, inverted = (
            np.asarray(Image.open(folder / name).convert("RGB")) for name in (PHOTOGRAPH, RECONSTRUCTION, INVERTED)
        )
    except OSError as error:
        raise UserError(f"{str(folder)!r} holds no finished inversion, or a damaged one") from error
    lines = [
        f"{record[which]['psnr']:.1f} dB, {record['perceptual_distance']} {record[which]['distance']:.3f}"
        for which in ("autoencoder", "inverted")
    ]
    captions = (quoted(record["photograph"]["name"], 28), lines[0], lines[1])
    return InvertedPictures(photograph, kept, inverted, captions)
