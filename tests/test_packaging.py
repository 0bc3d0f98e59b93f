"""The three folders under one import name: in a wheel, in an editable install, and in a plain checkout.

Built by setuptools from a copy of what git has or would add, so that nothing left over from another build helps.
"""

import os
import subprocess
import sys
import sysconfig
import zipfile
from pathlib import Path
from shutil import copy2

import pytest

ROOT = Path(__file__).parent.parent
#: folder of the project → where it is installed
FOLDERS = {"whichway": "whichway"} | {name: f"whichway/{name}" for name in ("geometry", "analysis", "miniature")}
#: asked of a Python that sees one installation alone: where each package is, and whether what it reads is there too
QUESTION = """
import whichway.geometry, whichway.analysis.study.report, whichway.miniature, whichway
from whichway.geometry import PointCloud, build_path
from whichway.miniature import MODEL
assert (MODEL / "unet" / "diffusion_pytorch_model.safetensors").is_file(), MODEL
whichway.analysis.study.report.PackageLoader("whichway.analysis.study", "templates")
for module in (whichway, whichway.geometry, whichway.analysis, whichway.miniature):
    print(module.__file__)
"""


def files_of_the_project() -> list[str]:
    listed = subprocess.run(
        ["git", "ls-files", "--cached", "--others", "--exclude-standard"],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=True,
    )
    return [name for name in listed.stdout.splitlines() if (ROOT / name).exists()]


@pytest.fixture(scope="module")
def source(tmp_path_factory):
    folder = tmp_path_factory.mktemp("source")
    for name in files_of_the_project():
        if name.split("/")[0] in {*FOLDERS, "pyproject.toml", "README.md", "LICENSE"}:
            (folder / name).parent.mkdir(parents=True, exist_ok=True)
            copy2(ROOT / name, folder / name, follow_symlinks=False)
    return folder


def build(source: Path, hook: str, out: Path) -> Path:
    """Run setuptools' ``build_wheel`` or ``build_editable``; the wheel, unpacked."""
    script = f"import setuptools.build_meta as backend; print(backend.{hook}({str(out)!r}))"
    built = subprocess.run([sys.executable, "-c", script], cwd=source, capture_output=True, text=True, check=False)
    assert built.returncode == 0, built.stderr
    unpacked = out / "site"
    with zipfile.ZipFile(next(out.glob("*.whl"))) as wheel:
        wheel.extractall(unpacked)
    return unpacked


@pytest.fixture(scope="module")
def wheel(source, tmp_path_factory):
    return build(source, "build_wheel", tmp_path_factory.mktemp("wheel"))


def python(script: str, *, site: Path | None = None, **environment: str) -> str:
    """Output of a script that has ``site`` as its site-packages, and only then, as plain folder, those of the tests.

    Python's own start (``site``) would install this checkout, where it is installed as editable, before all else.
    """
    installed = f"import site; site.addsitedir({str(site)!r})" if site else ""
    script = f"import sys\n{installed}\nsys.path.append({sysconfig.get_path('purelib')!r})\n{script}"
    result = subprocess.run(
        [sys.executable, "-S", "-P", "-c", script],
        cwd="/",
        env={name: value for name, value in os.environ.items() if name != "PYTHONPATH"} | environment,
        capture_output=True,
        text=True,
        check=False,
    )
    assert result.returncode == 0, result.stderr
    return result.stdout


def test_the_wheel_has_every_file_of_the_folders_and_nothing_else(wheel):
    expected = set()
    for name in files_of_the_project():
        folder, _, rest = name.partition("/")
        if folder in FOLDERS and not (ROOT / name).is_symlink():
            expected.add(f"{FOLDERS[folder]}/{rest}")
    packed = {path.relative_to(wheel).as_posix() for path in wheel.rglob("*") if path.is_file()}
    assert {name for name in packed if not name.startswith("whichway-")} == expected
    assert {"whichway/py.typed", "whichway/__init__.pyi", "whichway/analysis/__init__.pyi"} <= expected
    assert {path.name.split("-")[0] for path in wheel.iterdir()} == {"whichway"}


def test_an_unpacked_wheel_is_an_installation(wheel):
    places = python(QUESTION, PYTHONPATH=str(wheel)).split()
    assert len(places) == 4
    assert all(place.startswith(f"{wheel}/whichway/") for place in places)


def test_an_editable_installation_finds_the_folders_where_they_are(source, tmp_path):
    site = build(source, "build_editable", tmp_path)
    places = python(QUESTION, site=site).split()
    assert len(places) == 4
    assert all(place.startswith(f"{source}/") for place in places)


def test_a_checkout_is_found_as_it_is(source):
    places = python(QUESTION, PYTHONPATH=str(source)).split()
    assert len(places) == 4
    assert all(place.startswith(f"{source}/whichway/") for place in places)


def test_the_command_of_the_wheel_says_what_it_can_do(wheel):
    (points,) = wheel.glob("*.dist-info/entry_points.txt")
    assert "whichway = whichway.analysis.command.main:main" in points.read_text()
    script = "from whichway.analysis.command.main import main; main(['--help'])"
    assert "Usage:" in python(script, PYTHONPATH=str(wheel))
