"""Which conditionings may be rendered together: those that attend to the same ends, in clouds of the same sizes."""

from collections.abc import Iterator, Sequence
from dataclasses import replace
from itertools import groupby

from whichway.analysis.errors import UserError, shortened
from whichway.analysis.families import Conditioning
from whichway.analysis.finite import require_finite_numbers
from whichway.analysis.images.attended_cloud import AttendedCloud
from whichway.analysis.images.rendering_model import Renderable, RenderingModel
from whichway.geometry import PointCloud


def in_groups(
    model: RenderingModel, conditionings: Sequence[Renderable], *, exactly: bool = False
) -> Iterator[tuple[list[Conditioning], tuple | None]]:
    """The conditionings in their order, as many as may be rendered together, and what they attend to.

    Args:
        exactly: those of one group have one shape; else about one size, and the smaller ones are padded.

    Raises:
        UserError: conditionings of another family, or of another width.
    """
    whole = [_conditioning(model, each) for each in conditionings]

    def shared(each: Conditioning) -> tuple:
        return _attended_ends(each), shape(each) if exactly else number_of_rows(each).bit_length()

    for (ends, _), group in groupby(whole, shared):
        yield list(group), ends


def _conditioning(model: RenderingModel, each: Renderable) -> Conditioning:
    """A conditioning that the model's family can take.

    Raises:
        UserError: a cloud alone, where the family has more; other clouds, vectors or widths than the family's.
    """
    family, width = model.family, model.family.width(model.pipeline)
    parts = (*family.clouds, *family.vectors)
    if isinstance(each, PointCloud):
        if len(parts) > 1:
            raise UserError(f"a cloud alone is no conditioning of {family.name}, which has {', '.join(parts)}")
        ends = each.ends if isinstance(each, AttendedCloud) else ()
        each = Conditioning({family.clouds[0]: each}, ends=tuple(Conditioning({family.clouds[0]: end}) for end in ends))
    elif len(each.clouds) == len(parts) == 1:
        [mass] = each.masses.values()
        each = replace(each, clouds={family.clouds[0]: each.cloud}, masses={family.clouds[0]: mass})
    if {*each.clouds, *each.vectors} != set(parts):
        got = ", ".join((*each.clouds, *each.vectors))
        raise UserError(f"a conditioning of {family.name} has {', '.join(parts)}; got one that has {got}")
    for cloud in each.clouds.values():
        if cloud.dimension != width:
            raise UserError(
                f"cloud of shape {tuple(cloud.rows.shape)}; model {model.name!r} wants rows of width {width}"
            )
    rows = {name: cloud.rows for name, cloud in each.clouds.items()}
    for name, numbers in {**rows, **each.vectors}.items():
        require_finite_numbers(
            numbers.to(model.dtype), f"conditioning of {shortened(each.source)}: the numbers of {name!r}"
        )
    return each


def shape(conditioning: Conditioning) -> tuple:
    """What a batch's tensors depend on besides their content: frames of one shape can be rendered together as they are.

    The number of rows, then of each cloud; whether the rows simply are there, or have weights; the same of a negative
    prompt of its own.
    """
    clouds = conditioning.clouds
    plain = (cloud.is_uniform and conditioning.masses[name] == len(cloud) for name, cloud in clouds.items())
    negative = shape(conditioning.negative) if conditioning.negative else ()
    return number_of_rows(conditioning), *map(len, clouds.values()), *plain, negative


def number_of_rows(conditioning: Conditioning) -> int:
    return sum(map(len, conditioning.clouds.values()))


def attended_cloud(conditioning: Conditioning) -> AttendedCloud | None:
    """The cloud of a frame that attends to those at both ends of its path, if it does."""
    attended = (cloud for cloud in conditioning.clouds.values() if isinstance(cloud, AttendedCloud))
    return next(attended, None)


def _attended_ends(conditioning: Conditioning) -> tuple | None:
    """What the frames of a batch have to share: the clouds that they attend to and how, or None."""
    attended = attended_cloud(conditioning)
    return None if attended is None else (attended.ends, attended.kind)
