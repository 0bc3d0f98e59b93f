"""Arguments out of range, of every command."""

from collections.abc import Iterator
from functools import partial
from pathlib import Path

from tests.campaign.commands import COMMANDS, A, B, Command, Workplace
from tests.campaign.malformed.case import EITHER, Case
from tests.campaign.trial import CLEAR, Trial

RENDERING = ("study", "compare", "animate", "map", "barycenter", "invariance")
#: of sampling, in every command that renders
OF_SAMPLING = (
    *(("--steps", value) for value in ("-1", "0", "1001", "1000000000000000000000", "two", "1.5")),
    *(("--guidance", value) for value in ("nan", "inf", "-inf", "1e400", "much")),
    *(("--height", value) for value in ("-8", "0", "1", "13", "1000000")),
    *(("--width", value) for value in ("-8", "0", "1000000000000")),
)
OF_SEEDS = (("--seed", "-1"), ("--seed", "18446744073709551616"), ("--seed", "x"))
OF_MODELS = (
    ("--device", "tpu"),
    ("--dtype", "float8"),
    ("--clip-skip", "0"),
    ("--clip-skip", "99"),
    ("--variant", "fp17"),
    ("--offload", "disk"),
    ("--quantize", "int3"),
)
OWN: dict[str, tuple[tuple[str, ...], ...]] = {
    "study": (
        *(("--frames", value) for value in ("-1", "0", "1", "10000000000")),
        *(("--seeds", value) for value in ("-1", "0", "10000000000")),
        *(("--first-seed", value) for value in ("-1", "99999999999999999999")),
        *(("--per-stratum", value) for value in ("-1", "0")),
        *(("--methods", value) for value in ("", ",", "nonsense", "optimal@nonsense", "identity,identity@")),
        *(("--perceptual-distances", value) for value in ("", "nonsense", "ssim,")),
        ("--pooled", "nonsense"),
        ("--dask", "nonsense"),
        ("--dask", "tcp://127.0.0.1:1"),
        ("--out", "pairs.csv"),
        ("--out", "pairs.csv/inside"),
    ),
    "compare": (
        *(("--frames", value) for value in ("-1", "0", "1", "10000000000")),
        *(("--methods", value) for value in ("", "nonsense", "optimal@nonsense")),
        ("--projection", "nonsense"),
        ("--parametrisation", "nonsense"),
        ("--ground", "nonsense"),
        ("--tokens", "nonsense"),
        ("--out", "prompts.txt"),
        ("--out", "."),
    ),
    "animate": (
        *(("--frames", value) for value in ("-1", "0", "1", "10000000000")),
        *(("--fps", value) for value in ("0", "-1", "nan", "1/0", "x", "1000", "1e-300")),
        *(("--at", value) for value in ("0", "0,0", "1,0", "0,nan", "0,x", "0,1e300")),
        *(("--seeds", value) for value in ("0", "0,x", "-1,0", "0,1,2")),
        ("--method", "nonsense"),
        ("--out", "prompts.txt"),
    ),
    "map": (
        *(("--clusters", value) for value in ("-1", "1", "99")),
        ("--projection", "nonsense"),
        ("--view", "nonsense"),
        ("--parts", "nonsense"),
        ("--parts", ""),
        ("--out", "prompts.txt"),
    ),
    "barycenter": (
        *(("--side", value) for value in ("-1", "0", "1", "1000000000")),
        *(("--weights", value) for value in ("1", "0,0,0", "-1,1,1", "nan,1,1", "inf,1,1", "x,1,1", "1,1,1,1")),
        ("--out", "prompts.txt"),
    ),
    "distances": (
        ("--distance", "nonsense"),
        ("--ground", "nonsense"),
        ("--distance", "frobenius", "--ground", "cosine"),
        ("--parts", "nonsense"),
        ("--out", "matrix.txt"),
        ("--out", "prompts.txt/matrix.npy"),
        ("--out", "."),
        ("--dask", "nonsense"),
    ),
    "invariance": (
        ("--dtypes", "float8"),
        ("--dtypes", ""),
        ("--levels", "nonsense"),
        ("--architectures", "nonsense"),
        ("--json", "prompts.txt/records.json"),
        ("--json", "."),
    ),
    "sensitivity": (
        *(("--directions", value) for value in ("-1", "0", "1000000000000")),
        *(("--probes", value) for value in ("-1", "0", "1")),
        ("--movements", "-1"),
        ("--perceptual-distance", "nonsense"),
        ("--out", "sensitivity.xyz"),
        ("--out", "prompts.txt/sensitivity.png"),
        ("--out", "."),
        ("--steps", "0"),
        ("--steps", "1001"),
        ("--height", "13"),
        ("--width", "1000000000000"),
    ),
    "invert": (
        *(("--nearest", value) for value in ("-1", "1000000000000")),
        *(("--trial", value) for value in ("-1", "0")),
        *(("--iterations", value) for value in ("-1", "1000000000000")),
        *(("--step", value) for value in ("0", "-1", "nan", "inf")),
        *((option, value) for option in ("--pixels", "--penalty") for value in ("-1", "nan", "inf")),
        ("--perceptual-distance", "nonsense"),
        ("--noise", "nonsense"),
        ("--captions", "nothing.txt"),
        ("--out", "photo.png"),
        ("--out", "."),
        ("nothing.png",),
        ("prompts.txt",),
        ("--steps", "0"),
        ("--steps", "1001"),
    ),
    "geodesic": (
        *(("--geodesic-iterations", value) for value in ("-1", "1000000000000")),
        *(("--geodesic-penalty", value) for value in ("-1", "nan", "inf")),
        *(("--geodesic-nodes", value) for value in ("-1", "1", "2", "1000000000000")),
    ),
    "challenge": (
        *(("--candidates", value) for value in ("", "nonsense", "slerp,")),
        ("--tuning-pairs", "nothing.csv"),
        ("--tuning-pairs", "prompts.txt"),
        ("--tuning-pairs", "pairs.csv"),
        ("--per-stratum", "0"),
        ("--per-stratum-tuning", "0"),
        ("--frames", "1"),
        ("--seeds", "0"),
        ("--out", "pairs.csv"),
    ),
    "redo": (("--device", "tpu"), ("--out", "frame.png/again.png"), ("--out", ".")),
    "robustness": (
        ("--reference", "nonsense"),
        ("--out", "first"),
        ("--out", "robustness.xyz"),
        ("nothing",),
        ("first/frames",),
    ),
}
FILMS = ("film", "film.avi", "film.gif/film.gif", ".gif", "no/such/\x00.gif")


def trials(workplace: Workplace) -> Iterator[Trial]:
    for name, own in OWN.items():
        of_all = (*OF_SAMPLING, *OF_MODELS) if name in RENDERING else ()
        if name == "invariance":
            of_all = OF_SAMPLING
        seeds = OF_SEEDS if name in RENDERING and name != "study" else ()
        for options in (*own, *of_all, *seeds):
            yield _trial(workplace, COMMANDS[name], options)
    animate = COMMANDS["animate"]
    for film in FILMS:
        if "\x00" not in film:
            arguments = tuple(film if each == "film.gif" else each for each in workplace.arguments(animate))
            yield _case(workplace, Case(f"animate {film}", animate, arguments, _file_where_a_folder_is_wanted))
    compare = COMMANDS["compare"]
    for what, prompts in {"one prompt": (A,), "three prompts": (A, B, A)}.items():
        yield _case(workplace, Case(f"compare {what}", compare, ("compare", *prompts, "--out", "run")))
    yield _case(
        workplace, Case("compare empty prompts", compare, ("compare", "", "", *compare.arguments[3:]), expected=EITHER)
    )


def _trial(workplace: Workplace, command: Command, options: tuple[str, ...]) -> Trial:
    arguments = (*workplace.arguments(command), *options)
    return _case(workplace, Case(f"{command.name} {' '.join(options)}", command, arguments))


def _case(workplace: Workplace, case: Case) -> Trial:
    return Trial("malformed: arguments", case.name, CLEAR, partial(case.judge, workplace))


def _file_where_a_folder_is_wanted(folder: Path) -> None:
    (folder / "film.gif").write_bytes(b"")
