"""Two conditionings → the path between them: one path for each of their parts, all at the same t."""

from collections.abc import Collection, Mapping
from dataclasses import dataclass, field, replace

from whichway.analysis.clouds.ground_metrics import find_ground
from whichway.analysis.errors import NoPathError, UserError
from whichway.analysis.families import Conditioning
from whichway.analysis.images.attended_cloud import AttendedCloud
from whichway.analysis.images.attention_interpolation import require_interpolable_attention
from whichway.analysis.models.model import Model
from whichway.analysis.paths.chosen_method import ChosenMethod
from whichway.analysis.paths.vector_path import vector_path
from whichway.geometry import CrossAttention, build_path, find_method
from whichway.geometry.path import Path

ATTENDING = ("aid-inner", "aid-outer")  # paths whose frames attend to those of both ends


@dataclass(frozen=True, eq=False)
class ConditioningPath:
    """t ↦ conditioning, t in [0, 1].

    Attributes:
        clouds: encoder → path of its cloud.
        masses: encoder → mass at t = 0 and at t = 1; linear in between.
        vectors: name → path of its vector x, as the cloud δ_x of one row.
        ends: the conditionings that are joined, with the vectors that the path has there: what frames attend to where
            a method has them attend to both ends.
        negative: the path of the negative prompt beside them; None: it stays the sampling's.
    """

    clouds: Mapping[str, Path]
    masses: Mapping[str, tuple[float, float]]
    vectors: Mapping[str, Path] = field(default_factory=dict)
    ends: tuple[Conditioning, ...] = ()
    negative: "ConditioningPath | None" = None

    def __call__(self, t: float) -> Conditioning:
        prompt = self.with_moved({*self.clouds, *self.vectors}, t)
        return replace(prompt, negative=self.negative(t)) if self.negative else prompt

    def with_moved(self, parts: Collection[str], t: float) -> Conditioning:
        """Where only these parts have moved, to t; a cloud's mass moves with it, and all others are at t = 0, the
        negative prompt too.
        """
        at = {part: t if part in parts else 0.0 for part in (*self.clouds, *self.vectors)}
        clouds = {name: path(at[name]) for name, path in self.clouds.items()}
        return Conditioning(
            clouds,
            {name: (1 - at[name]) * start + at[name] * end for name, (start, end) in self.masses.items()},
            {name: path(at[name]).rows[0] for name, path in self.vectors.items()},
            ends=self.ends if any(isinstance(cloud, AttendedCloud) for cloud in clouds.values()) else (),
        )

    @property
    def cloud(self) -> Path:
        """The path of the only cloud.

        Raises:
            ValueError: there are several.
        """
        if len(self.clouds) != 1:
            raise ValueError(f"this path has {len(self.clouds)} clouds: {', '.join(self.clouds)}")
        return next(iter(self.clouds.values()))


def join(
    name: str,
    method: ChosenMethod,
    start: Conditioning,
    end: Conditioning,
    *,
    model: Model | None,
    seed: int = 0,
    cross_attention: CrossAttention | None = None,
) -> ConditioningPath:
    """The path of ``method``, which the user called ``name``, from one conditioning to the other.

    Every cloud moves by the method; vectors as :mod:`whichway.analysis.paths.vector_path` says; negative prompts that
    both ends bring along, as prompts do.

    Args:
        model: whose cross-attention may be the ground metric, and whose family says whether rows may be re-matched;
            None: the path of clouds that were read from a file.
        seed: of the random coupling.
        cross_attention: the metric of a model that is not here.

    Raises:
        UserError: conditionings that the method cannot join; a ``NoPathError`` where its solver did not converge.
    """
    if model is not None and model.family.symmetry == "sequence" and method.method != "identity":
        raise UserError(
            f"method {name!r}: rows of {model.family.name} know their places, so that only identity joins them"
        )
    if model is not None and find_method(method.method).path in ATTENDING:
        require_interpolable_attention(model.family)
    read = cross_attention if method.ground == "cross-attention" else None
    ground = read or find_ground(method.ground, model)
    try:
        clouds = {
            encoder: build_path(
                method.method, cloud, end.clouds[encoder], seed=seed, ground=ground, tokens=method.tokens
            )
            for encoder, cloud in start.clouds.items()
        }
    except ValueError as error:
        raise UserError(f"method {name!r}: {error}{_what_else(start, end)}") from error
    except RuntimeError as error:  # a solver that did not converge
        missing = NoPathError(f"method {name!r}: {error}")
        missing.method = name
        raise missing from error
    masses = {encoder: (mass, end.masses[encoder]) for encoder, mass in start.masses.items()}
    vectors = _vector_paths(name, method, start, end)
    ends = (_with_vectors(start, vectors, 0), _with_vectors(end, vectors, 1))
    path = ConditioningPath(clouds, masses, vectors, ends)
    if not (start.negative and end.negative):
        return path
    return replace(path, negative=join_negatives(name, method, start.negative, end.negative, model=model, seed=seed))


def join_negatives(
    name: str, method: ChosenMethod, start: Conditioning, end: Conditioning, *, model: Model | None, seed: int = 0
) -> ConditioningPath:
    """The path of a negative prompt: as :func:`join`.

    Raises:
        UserError: as :func:`join`; a method whose frames attend to those of both ends, and so to their negative prompt.
    """
    if find_method(method.method).path in ATTENDING:
        raise UserError(f"negative_prompt_end: frames of {name!r} attend to those of both ends; leave it out")
    try:
        return join(name, method, start, end, model=model, seed=seed)
    except UserError as error:
        raise UserError(f"negative_prompt_end: {error}") from error


def _with_vectors(conditioning: Conditioning, vectors: Mapping[str, Path], t: float) -> Conditioning:
    """One end of the path: with the vectors that are there, which may be held at the other end's."""
    own = {name: path(t).rows[0] for name, path in vectors.items()}
    return replace(conditioning, vectors=own) if own else conditioning


def _vector_paths(name: str, method: ChosenMethod, start: Conditioning, end: Conditioning) -> dict[str, Path]:
    if method.pooled != "auto" and not start.vectors:
        raise UserError(f"pooled: {method.pooled!r}, but this model's texts have no pooled vector; leave it out")
    paths = {}
    for part, vector in start.vectors.items():
        try:
            paths[part] = vector_path(vector, end.vectors[part], method.pooled, method.method)
        except ValueError as error:
            raise UserError(f"method {name!r}, {part} vector: {error}") from error
    return paths


def _what_else(start: Conditioning, end: Conditioning) -> str:
    pairs = [(cloud, end.clouds[encoder]) for encoder, cloud in start.clouds.items()]
    if all(len(a) == len(b) for a, b in pairs):
        if all(cloud.is_uniform for pair in pairs for cloud in pair):
            return ""
        return (
            "; where words or chunks have weights, so have rows: choose a method for any weights, such as optimal, "
            "mixture or identity"
        )
    return (
        "; where an encoder's padding is masked, a text has as many rows as tokens, and one that is read in chunks has "
        "more: choose a method for clouds of any sizes, such as optimal, mixture or identity"
    )
