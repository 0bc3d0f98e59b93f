"""What docs/extending.md shows works: each of its files, loaded from outside, is offered and drawn as ours are."""

import json
import re
from pathlib import Path

import pytest
from click.testing import CliRunner

from whichway.analysis import plugins, vocabulary
from whichway.analysis.clouds import projection
from whichway.analysis.command import plugins as command_plugins
from whichway.analysis.command.main import main
from whichway.analysis.errors import UserError
from whichway.analysis.families import recognition
from whichway.analysis.models.model import load_model
from whichway.analysis.pictures.style import METHOD_COLOURS, METHOD_MARKERS, colour, marker
from whichway.analysis.smoothness import perceptual_distance
from whichway.geometry import method

PAGE = (Path(__file__).parent.parent / "docs" / "extending.md").read_text(encoding="utf-8")
FILES = dict(re.findall(r"```python\n# (\w+\.py)\n(.*?)```", PAGE, flags=re.DOTALL))
REGISTRIES = (
    *(method._couplings, method._paths, method._methods, recognition._families, projection._PLANES),
    *(perceptual_distance.FUNCTIONS, perceptual_distance.POWERS),
    *(vocabulary.PERCEPTUAL_DISTANCES, vocabulary.PROJECTIONS, plugins._plugins, command_plugins._added),
)
#: file → the kind of thing that it registers, its name, and the line of ``whichway methods`` that lists it
REGISTERED = {
    "greedy.py": ("coupling greedy", "each row to the nearest one that is free"),
    "nlerp.py": ("path nlerp", "matched rows, straight, their norms interpolated"),
    "rmse.py": ("perceptual distance rmse", "root mean square difference of the pixels"),
    "isomap.py": ("projection isomap", "distances along the neighbourhood graph stay"),
    "pag.py": ("family of models Stable Diffusion with perturbed-attention guidance", "StableDiffusionPAGPipeline"),
}


@pytest.fixture(autouse=True)
def without_plugins():
    """Everything registered here is forgotten afterwards."""
    before = [dict(registry) for registry in REGISTRIES]
    yield
    for registry, content in zip(REGISTRIES, before, strict=True):
        registry.clear()
        registry.update(content)
    for command in main.commands.values():
        command.epilog = None


@pytest.fixture
def write(tmp_path):
    def to_file(name: str, text: str | None = None) -> str:
        (tmp_path / name).write_text(FILES[name] if text is None else text, encoding="utf-8")
        return str(tmp_path / name)

    return to_file


def run(*arguments, exit_code=0):
    result = CliRunner().invoke(main, [*map(str, arguments)])
    assert result.exit_code == exit_code, result.output
    return " ".join(result.output.split())


def test_the_page_has_an_example_of_each_kind():
    assert set(FILES) == set(REGISTERED)


@pytest.mark.parametrize("file", REGISTERED)
def test_what_a_file_registers_is_listed_and_in_help(file, write):
    name, summary = REGISTERED[file]
    assert summary in run("methods", "--plugin", write(file))
    shown = run("compare", "--help", "--plugin", write(file)) + run("compare", "--plugin", write(file), "--help")
    assert f"{name}: " in shown.partition("From plugins: ")[2]
    assert name not in run("methods")


def test_a_run_goes_by_them_and_draws_them(write, tmp_path, tiny_pipeline_folder):
    files = [option for file in FILES if file != "pag.py" for option in ("--plugin", write(file))]
    out = tmp_path / "run"
    quick = ("--frames", "4", "--steps", "1", "--height", "32", "--width", "32", "--device", "cpu", "--out", out)
    chosen = ("--methods", "optimal,greedy,optimal+nlerp", "--perceptual-distance", "rmse", "--projection", "isomap")
    printed = run("compare", "a red car", "a blue boat", "--model", tiny_pipeline_folder, *chosen, *quick, *files)
    assert "every path ends in the image of B" in printed
    metrics = json.loads((out / "metrics.json").read_text())
    assert metrics["perceptual_distance"] == "rmse"
    assert set(metrics["methods"]) == {"optimal", "greedy", "optimal+nlerp"}
    assert metrics["methods"]["greedy"]["smoothness"]["curvature"] is not None
    assert (out / "projection.png").is_file()
    versions = json.loads((out / "manifest.json").read_text())["versions"]
    assert versions[str(tmp_path / "greedy.py")].startswith("SHA-256 ")


def test_a_new_method_has_a_look_of_its_own(write):
    for file in ("greedy.py", "nlerp.py"):
        plugins.load_plugin(write(file))
    names = ["greedy", "optimal+nlerp", "gromov+displacement", "ordered+displacement", "greedy+spherical"]
    looks = {(colour(name), marker(name)) for name in [*METHOD_COLOURS, *names]}
    assert len(looks) == len(METHOD_COLOURS) + len(names)
    assert not {marker(name) for name in names} & {"."}
    assert set(METHOD_COLOURS) == set(METHOD_MARKERS)


def test_a_family_takes_a_pipeline_that_was_of_none(write, tmp_path, tiny_pipeline_folder):
    from diffusers import StableDiffusionPAGPipeline, StableDiffusionPipeline

    from whichway import Sampling, encode, render

    parts = StableDiffusionPipeline.from_pretrained(tiny_pipeline_folder).components
    pipeline = StableDiffusionPAGPipeline(**parts, requires_safety_checker=False)
    pipeline.save_pretrained(tmp_path / "pag")
    with pytest.raises(UserError, match="of no family that is known"):
        _ = load_model(str(tmp_path / "pag"), device="cpu").family
    plugins.load_plugin(write("pag.py"))
    model = load_model(str(tmp_path / "pag"), device="cpu")
    assert model.family.name.endswith("perturbed-attention guidance")
    assert render(model, [encode(model, "a red car")], Sampling(num_inference_steps=1, height=32, width=32)).any()


@pytest.fixture
def install(tmp_path, monkeypatch):
    """A package with a plugin, as pip would install it."""

    def package(name: str, text: str) -> None:
        description = tmp_path / f"{name}-1.5.dist-info"
        description.mkdir()
        (description / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {name}\nVersion: 1.5\n")
        (description / "entry_points.txt").write_text(f"[whichway.plugins]\n{name} = {name}\n")
        (tmp_path / f"{name}.py").write_text(text, encoding="utf-8")

    monkeypatch.syspath_prepend(str(tmp_path))
    return package


def test_an_installed_plugin_needs_no_option(install):
    install("installed_greedy", FILES["greedy.py"])
    assert "each row to the nearest one that is free" in run("methods")
    assert "coupling greedy" in run("compare", "--help")
    assert plugins.PLUGINS["installed_greedy"] == "1.5"


def test_a_plugin_that_fails_is_left_out(install):
    install("installed_broken", "1 / 0")
    with pytest.warns(UserWarning, match=r"'installed_broken' cannot be loaded \(installed_broken.py, line 1\)"):
        assert "optimal transport" in run("methods")


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("import no_such_package", "line 1): ModuleNotFoundError: No module named 'no_such_package'"),
        ("\n\nraise RuntimeError('no licence')", "(mine.py, line 3): RuntimeError: no licence"),
        (FILES["greedy.py"].replace('"greedy"', '"optimal"'), "the name 'optimal' is taken by another coupling"),
        (FILES["rmse.py"].replace('"rmse"', '"ssim"'), "the name 'ssim' is taken by another perceptual distance"),
        (FILES["isomap.py"].replace('"isomap"', '"iso,map"'), "cannot be called 'iso,map'"),
        (FILES["pag.py"].replace('("StableDiffusionPAGPipeline",)', "()"), "names no class of pipelines"),
    ],
)
def test_what_is_wrong_with_a_plugin_is_one_line(write, text, message):
    result = CliRunner().invoke(main, ["methods", "--plugin", write("mine.py", text)])
    assert result.exit_code == 2
    assert result.output.startswith("Error: plugin")
    assert message in result.output
    assert result.output.count("\n") == 1


@pytest.mark.parametrize("name", ["no_such_plugin", "no_such_plugin.py", "whichway.no_such_plugin"])
def test_a_plugin_that_is_not_there_is_named(name):
    assert f"{name!r}" in (line := run("methods", "--plugin", name, exit_code=2))
    assert line.startswith("Error: plugin: no ")


def test_a_plugin_is_loaded_once(write):
    for _ in range(2):
        plugins.load_plugin(write("greedy.py"))
    assert len(plugins.PLUGINS) == 1
