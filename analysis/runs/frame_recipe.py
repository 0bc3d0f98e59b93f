"""What a frame was made of, in words that survive in its file: enough to make it again.

A frame's address says whether two frames are the same; its recipe says how to get there from prompts. It is kept in the
PNG as two text chunks (:func:`text_chunks`): one for people and other programs, one for ``whichway redo``.
"""

import json
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass, replace
from typing import Any

from whichway.analysis.errors import UserError
from whichway.analysis.families import Conditioning
from whichway.analysis.images.sampling import ResolvedSampling, Sampling
from whichway.analysis.images.travelling_noise import GivenNoise, NoisePoint, noise_of
from whichway.analysis.models.choice import ModelChoice
from whichway.analysis.models.model import Model
from whichway.analysis.models.versions import RENDERING_PACKAGES, versions
from whichway.analysis.paths.chosen_method import ChosenMethod
from whichway.analysis.paths.conditioning_path import join_negatives
from whichway.analysis.paths.film_path import FilmPath, Moving
from whichway.analysis.paths.keyframes import join_keyframes
from whichway.analysis.runs.between_prompts import between
from whichway.analysis.runs.frame_index import FrameName

#: keys of the text chunks; the first is that of AUTOMATIC1111's web interface
PARAMETERS, OWN_CHUNK = "parameters", "whichway"
LAYOUT = 1  # of our own chunk


@dataclass(frozen=True)
class FrameRecipe:
    """A place on a path through prompts, a barycenter of prompts, or one prompt.

    Attributes:
        prompts: in their order along the path.
        weights: of a barycenter, one for each prompt; none: a path, or a single prompt.
        method: of a path.
        position: legs from the first prompt (:mod:`whichway.analysis.paths.film_path`).
        times, interpolation, closed: as in :func:`whichway.analysis.paths.keyframes.join_keyframes`.
        seeds, moving: as in :class:`whichway.analysis.paths.film_path.FilmPath`.
        coupling_seed: of the random coupling.
        parts: of the text, that alone have moved; none: all have.
        negatives: the negative prompts from which and to which it walks, or the only one of a single prompt; none: it
            is the sampling's. None among them: no negative prompt.
    """

    prompts: tuple[str, ...]
    weights: tuple[float, ...] = ()
    method: ChosenMethod = ChosenMethod("optimal")
    position: float = 0.0
    times: tuple[float, ...] = ()
    interpolation: str = "linear"
    closed: bool = False
    seeds: tuple[int, ...] = ()
    moving: Moving = "both"
    coupling_seed: int = 0
    parts: tuple[str, ...] = ()
    negatives: tuple[str | None, ...] = ()

    @classmethod
    def from_json(cls, content: Mapping[str, Any]) -> "FrameRecipe":
        """What ``dataclasses.asdict`` made, read back.

        Raises:
            TypeError, KeyError: settings of other names.
        """
        lists = {name: tuple(value) for name, value in content.items() if isinstance(value, list)}
        return cls(**dict(content) | lists | {"method": ChosenMethod(**content["method"])})

    def conditioning(self, model: Model) -> Conditioning:
        """What the frame is rendered from.

        Raises:
            UserError: prompts that cannot be joined so, with this model; as :meth:`require_redoable`.
        """
        self.require_redoable()
        keyframes = [model.encode([prompt])[0] for prompt in self.prompts]
        if self.weights:
            return between(keyframes, self.weights)
        if len(keyframes) == 1:
            [alone] = keyframes
            return replace(alone, negative=model.encode_negative(*self.negatives)) if self.negatives else alone
        path = self.path(keyframes, model)
        return path.legs[0].with_moved(self.parts, self.position) if self.parts else path(self.position)

    def require_redoable(self) -> None:
        """Prompts and settings have to be enough.

        Raises:
            UserError: a frame of a geodesic: what it was rendered from was found by a search, and is in its run alone.
        """
        if self.method.is_geodesic:
            raise UserError(
                f"a frame of a geodesic ({self}) was rendered from what a search found, which is kept in its run's "
                "folder and not in the frame; run the comparison again"
            )

    def path(self, keyframes: list[Conditioning], model: Model) -> FilmPath:
        """The path on which the frame is, through prompts that are encoded already.

        Raises:
            UserError: as :func:`whichway.analysis.paths.keyframes.join_keyframes`.
        """
        times = self.times or tuple(range(len(keyframes)))
        legs = join_keyframes(
            self.method.method,
            self.method,
            keyframes,
            times,
            interpolation=self.interpolation,
            closed=self.closed,
            model=model,
            seed=self.coupling_seed,
        )
        negative = None
        if self.negatives:
            start, end = (model.encode_negative(prompt) for prompt in self.negatives)
            negative = join_negatives(self.method.method, self.method, start, end, model=model, seed=self.coupling_seed)
        return FilmPath(legs, self.seeds, self.moving, negative, times)

    def __str__(self) -> str:
        """In words; a prompt alone is itself."""
        if self.weights:
            shares = (f"{prompt}: {share:g}" for prompt, share in zip(self.prompts, self.weights, strict=True))
            return f"barycenter of {'; '.join(shares)}"
        if len(self.prompts) == 1:
            return self.prompts[0]
        around = [*self.prompts, *self.prompts[: int(self.closed)]]
        leg = min(int(self.position), len(around) - 2)
        t = 0.0 if self.moving == "noise" else self.position - leg
        if t in (0, 1) and not self.parts:
            return around[leg + int(t)]
        return f"{around[leg]} → {around[leg + 1]}, t = {t:.6g}, {self.method.method}"


#: which recipe a frame of this name has; None: no recipe can make it again
Recipes = Callable[[FrameName], FrameRecipe | None]


def text_chunks(
    recipe: FrameRecipe, conditioning: Conditioning, model: Model, choice: ModelChoice, sampling: ResolvedSampling
) -> dict[str, str]:
    """Key → text for a frame's PNG: ``parameters`` as AUTOMATIC1111 writes it, and ours as JSON."""
    content = {
        "layout": LAYOUT,
        "recipe": asdict(recipe),
        "sampling": asdict(sampling),
        "model": asdict(choice.as_loaded(model)),
        "identity": model.identity,
        "versions": versions(RENDERING_PACKAGES),
    }
    return {
        PARAMETERS: _parameters(recipe, conditioning, model, sampling),
        OWN_CHUNK: json.dumps(content, ensure_ascii=False),
    }


def _parameters(recipe: FrameRecipe, conditioning: Conditioning, model: Model, sampling: ResolvedSampling) -> str:
    """Prompt, negative prompt, and a line of names and values."""
    noise = noise_of(conditioning, sampling.seed)
    scheduler = model.pipeline.scheduler if sampling.scheduler == "own" else None
    values: dict[str, object] = {
        "Steps": sampling.num_inference_steps,
        "Sampler": type(scheduler).__name__.removesuffix("Scheduler") if scheduler else sampling.scheduler,
        "CFG scale": f"{sampling.guidance_scale:g}",
        "Seed": _seed(noise),
        "Size": f"{sampling.width}x{sampling.height}",
        "Model hash": model.fingerprint[:10],
        "Model": model.name,
    }
    values |= _variation(noise)
    if model.clip_skip is not None:
        values["Clip skip"] = model.clip_skip + 1  # there 1 is to leave out nothing
    values["Version"] = f"whichway {versions(['whichway'])['whichway']}"
    lines = [str(recipe)]
    if negative := " → ".join(prompt or "" for prompt in recipe.negatives) or sampling.negative_prompt:
        lines.append(f"Negative prompt: {negative}")
    return "\n".join([*lines, ", ".join(f"{name}: {_quoted(value)}" for name, value in values.items())])


def _seed(noise: NoisePoint | GivenNoise) -> object:
    if isinstance(noise, GivenNoise):
        return f"none: noise {noise.sha256[:10]}"
    return noise.start if noise.seed is None else noise.seed


def _variation(noise: NoisePoint | GivenNoise) -> dict[str, object]:
    """Noise between two seeds, which AUTOMATIC1111 too takes from their great circle."""
    return (
        {}
        if isinstance(noise, GivenNoise) or noise.seed is not None
        else {"Variation seed": noise.end, "Variation seed strength": f"{noise.t:g}"}
    )


def _quoted(value: object) -> str:
    """A value in which a reader would see more than one is a JSON string."""
    text = str(value)
    return json.dumps(text, ensure_ascii=False) if any(mark in text for mark in ",:\n") else text


@dataclass(frozen=True)
class ReadFrame:
    """What a frame's PNG says of itself."""

    recipe: FrameRecipe
    sampling: Sampling
    model: ModelChoice
    identity: Mapping[str, Any]
    versions: Mapping[str, str]


def read_chunk(text: str) -> ReadFrame:
    """Our own text chunk.

    Raises:
        UserError: another layout, or what none of ours holds.
    """
    try:
        content = json.loads(text)
        if content["layout"] != LAYOUT:
            raise UserError("it was made by another version of whichway")
        sampling = content["sampling"]
        return ReadFrame(
            FrameRecipe.from_json(content["recipe"]),
            ResolvedSampling(**sampling),
            ModelChoice.from_json(content["model"]),
            dict(content["identity"]),
            dict(content["versions"]),
        )
    except UserError:
        raise
    except (ValueError, TypeError, KeyError, AttributeError) as error:
        raise UserError(f"its text chunk {OWN_CHUNK!r} is damaged") from error


def path_recipes(
    prompts: tuple[str, str],
    methods: Mapping[str, ChosenMethod],
    *,
    seed: int,
    negatives: tuple[str | None, ...] = (),
) -> Recipes:
    """Of the frames of paths between two prompts, as :mod:`whichway.analysis.runs.rendered_paths` names them.

    Args:
        negatives: of both ends, where the negative prompt walks.
    """

    def recipe_of(name: FrameName) -> FrameRecipe | None:
        kind, t = name
        if kind in methods and t is not None:
            return FrameRecipe(prompts, method=methods[kind], position=t, coupling_seed=seed, negatives=negatives)
        if kind == "prompts":
            end = int(t or 0)
            return FrameRecipe((prompts[end],), negatives=negatives[end : end + 1])
        if kind == "prompts@start":  # B's rows in their own order beside A's vectors
            held = ChosenMethod("identity", pooled="start")
            return FrameRecipe(prompts, method=held, position=1.0, negatives=negatives)
        return None

    return recipe_of
