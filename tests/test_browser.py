"""The notebooks in a real JupyterLab and a real browser, as a person meets them. Run by ``make test-browser``.

Screenshots land in runs/browser/, to be looked at.
"""

import json
import os
import secrets
import shutil
import signal
import socket
import subprocess
import sys
import time
import urllib.request
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
SHOTS = ROOT / "runs" / "browser"
CHROMIUM = shutil.which("chromium")
#: no sandbox, since containers have none; no talk with anyone but this machine
FLAGS = [
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
]
LAPTOP, NARROW = {"width": 1366, "height": 768}, {"width": 420, "height": 900}
MINUTES = 60_000

pytestmark = pytest.mark.browser


@pytest.fixture(scope="module")
def lab(tmp_path_factory):
    """A JupyterLab on a copy of the notebooks: its address, with its token, and its folder."""
    folder = tmp_path_factory.mktemp("lab")
    shutil.copytree(ROOT / "notebooks", folder / "notebooks", ignore=shutil.ignore_patterns("runs", "*.py"))
    (folder / "figures").symlink_to(ROOT / "figures")
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    token = secrets.token_hex(16)
    options = [f"--port={port}", "--ip=127.0.0.1", "--no-browser", "--allow-root", f"--IdentityProvider.token={token}"]
    command = [sys.executable, "-m", "jupyter", "lab", *options, "--LabApp.news_url=None"]
    with (folder / "lab.log").open("w") as log:
        server = subprocess.Popen(
            [*command, f"--ServerApp.root_dir={folder}"], stdout=log, stderr=log, start_new_session=True
        )
    try:
        _wait_for(f"http://127.0.0.1:{port}/api/status?token={token}", folder / "lab.log")
        yield f"http://127.0.0.1:{port}", token, folder
    finally:
        os.killpg(server.pid, signal.SIGTERM)
        server.wait(30)


def _wait_for(address: str, log: Path) -> None:
    for _ in range(120):
        try:
            with urllib.request.urlopen(address, timeout=5):
                return
        except OSError:
            time.sleep(0.5)
    pytest.fail(log.read_text())


@pytest.fixture(scope="module")
def chromium():
    from playwright.sync_api import sync_playwright

    assert CHROMIUM, "no chromium; make test-browser installs Debian's"
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=FLAGS)
        yield browser
        browser.close()


@pytest.fixture
def opened(lab, chromium):
    """Opens a notebook at a laptop's size and waits until it can be used; errors of the page fail the test."""
    address, token, _ = lab
    context = chromium.new_context(viewport=LAPTOP, accept_downloads=True)
    page = context.new_page()
    errors: list[str] = []
    page.on("pageerror", lambda error: errors.append(str(error)))

    def open_notebook(name: str):
        workspace = secrets.token_hex(4)  # a new one: the others' tabs are not opened again
        page.goto(f"{address}/lab/workspaces/{workspace}/tree/{name}?token={token}")
        page.wait_for_selector(".jp-Notebook .jp-CodeCell", timeout=MINUTES)
        page.wait_for_selector("text=(ipykernel) | Idle", timeout=MINUTES)  # earlier, a cell is not run
        return page

    yield open_notebook
    shoot(page, "last")  # what a failure saw
    context.close()
    assert not errors


def write_notebook(folder: Path, name: str, code: str) -> str:
    cell = {"cell_type": "code", "execution_count": None, "id": "only", "metadata": {}, "outputs": [], "source": code}
    kernel = {"display_name": "Python 3", "language": "python", "name": "python3"}
    content = {"cells": [cell], "metadata": {"kernelspec": kernel}, "nbformat": 4, "nbformat_minor": 5}
    (folder / name).write_text(json.dumps(content))
    return name


def explore(page) -> None:
    """Run the one cell, and wait for the explorer's page."""
    page.click(".jp-Notebook .jp-CodeCell .jp-InputArea-editor")
    page.keyboard.press("Shift+Enter")
    page.wait_for_selector(".ww", timeout=MINUTES)


def wait_for_status(page, words: str) -> None:
    page.wait_for_function(
        "words => document.querySelector('.ww-status')?.textContent.startsWith(words)", arg=words, timeout=2 * MINUTES
    )


def drag_to(page, index: int) -> None:
    page.eval_on_selector(
        ".ww input[type=range]",
        "(slider, index) => { slider.value = index; slider.dispatchEvent(new Event('input', { bubbles: true })); }",
        index,
    )


def source(page) -> str:
    return page.get_attribute(".ww-viewer img", "src")


def shoot(page, name: str) -> None:
    SHOTS.mkdir(parents=True, exist_ok=True)
    page.screenshot(path=SHOTS / f"{name}.png")


def test_a_notebook_runs_and_its_explorer_answers(opened, lab):
    page = opened("notebooks/03_which_way.ipynb")
    page.click("text=Run >> nth=0")
    page.click("text=Run All Cells")
    page.hover(".jp-Notebook")
    for _ in range(180):  # cells out of sight are not in the page
        page.mouse.wheel(0, 400)
        page.wait_for_timeout(500)
        if page.locator(".ww").count():
            break
    wait_for_status(page, "all 18 frames are there")
    page.locator(".ww").scroll_into_view_if_needed()
    shoot(page, "notebook")
    page.wait_for_selector("text=(ipykernel) | Idle", timeout=2 * MINUTES)

    page.fill(".ww input[aria-label='prompt A']", "a cat on a yellow background")
    page.press(".ww input[aria-label='prompt A']", "Enter")
    page.fill(".ww input[aria-label='prompt B']", "a rocket at night")
    page.press(".ww input[aria-label='prompt B']", "Enter")
    wait_for_status(page, "all 18 frames are there")
    drag_to(page, 0)
    first = source(page)
    drag_to(page, 8)
    assert source(page) != first
    assert page.text_content(".ww-t") == "t = 1.000"
    assert page.locator(".ww-cell.ww-here").count() == 2
    pixels = "src => fetch(src).then(r => r.arrayBuffer()).then(b => b.byteLength)"
    assert page.evaluate(pixels, source(page)) > 1000


def test_tokens_map_downloads_and_widths(opened, lab):
    _, _, folder = lab
    code = "from analysis.explorer import Explorer\nExplorer(frames=5, steps=4)"
    page = opened(write_notebook(folder, "widths.ipynb", code))
    explore(page)
    wait_for_status(page, "all 10 frames are there")
    for selector in (".ww-viewer", ".ww input[type=range]", ".ww-curve"):
        box = page.locator(selector).bounding_box()
        assert box["y"] + box["height"] <= LAPTOP["height"], f"{selector} is below the fold"
    shoot(page, "laptop")

    page.hover(".ww-token:has-text('fox')")
    assert page.text_content(".ww-panels section .ww-said").startswith("fox → ")
    page.locator(".ww-point").nth(1).click()
    assert page.text_content(".ww-t") == "t = 0.250"
    page.locator(".ww-panels").scroll_into_view_if_needed()
    shoot(page, "panels")

    for suffix, beginning in (("PNG", b"\x89PNG"), ("WEBP", b"RIFF"), ("MP4", b"\0\0\0"), ("PY", b'"""')):
        with page.expect_download(timeout=MINUTES) as download:
            page.click(f".ww-exports button:text-is('{suffix}')")
        saved = Path(download.value.path()).read_bytes()
        assert saved.startswith(beginning)
        assert download.value.suggested_filename == f"which-way.{suffix.lower()}"

    page.set_viewport_size(NARROW)
    page.click("[data-id=filebrowser]")  # folded away; it would leave no room
    page.wait_for_timeout(500)
    page.locator(".ww-controls").scroll_into_view_if_needed()
    shoot(page, "narrow")
    overflow = page.eval_on_selector(".ww", "ww => ww.scrollWidth - ww.clientWidth")
    assert overflow <= 0
    page.locator(".ww-panels").scroll_into_view_if_needed()
    shoot(page, "narrow-panels")


def test_the_picture_follows_the_slider_within_a_tenth_of_a_second(opened, lab):
    _, _, folder = lab
    page = opened(write_notebook(folder, "slider.ipynb", "from analysis.explorer import Explorer\nExplorer(steps=2)"))
    explore(page)
    wait_for_status(page, "all 34 frames are there")
    measured = page.evaluate(
        """async () => {
          const slider = document.querySelector('.ww input[type=range]');
          const images = [...document.querySelectorAll('.ww-viewer img')];
          const painted = () => new Promise((done) => requestAnimationFrame(() => requestAnimationFrame(done)));
          const times = [];
          for (let k = 0; k <= 16; k += 1) {
            const begun = performance.now();
            slider.value = (k * 7) % 17;
            slider.dispatchEvent(new Event('input', { bubbles: true }));
            await Promise.all(images.map((image) => image.decode()));
            await painted();
            times.push(performance.now() - begun);
          }
          return times.sort((a, b) => a - b);
        }"""
    )
    print(f"slider to picture: median {measured[8]:.0f} ms, worst {measured[-1]:.0f} ms")
    assert measured[8] < 100


def test_what_is_wrong_is_said_in_the_page_and_what_was_rendered_stays(opened, lab):
    _, _, folder = lab
    code = "from analysis.explorer import Explorer\nexplorer = Explorer(frames=3, steps=2)\nexplorer"
    page = opened(write_notebook(folder, "wrong.ipynb", code))
    explore(page)
    wait_for_status(page, "all 6 frames are there")

    page.fill(".ww input[aria-label='prompt B']", "<img src=x onerror=alert(1)> " + "fox " * 200)
    page.press(".ww input[aria-label='prompt B']", "Enter")
    page.wait_for_selector(".ww-notice:not([hidden])", timeout=MINUTES)
    assert "prompt truncated" in page.text_content(".ww-notice")
    assert page.locator(".ww-notice img").count() == 0
    wait_for_status(page, "all 6 frames are there")

    page.fill(".ww input[aria-label='prompt B']", "")
    page.press(".ww input[aria-label='prompt B']", "Enter")
    page.wait_for_selector(".ww-error:not([hidden])", timeout=MINUTES)
    assert page.text_content(".ww-error") == "prompt B is empty; say what its image should show"
    assert page.locator(".ww-cell img").count() == 6
    page.fill(".ww input[aria-label='prompt B']", "a panda")
    page.press(".ww input[aria-label='prompt B']", "Enter")
    wait_for_status(page, "all 6 frames are there")

    page.click(".ww summary")
    page.fill(".ww input[aria-label='model']", "models/nowhere.safetensors")
    page.press(".ww input[aria-label='model']", "Enter")
    page.wait_for_selector(".ww-error:not([hidden])", timeout=MINUTES)
    assert "does not exist" in page.text_content(".ww-error")
    assert page.locator(".ww-cell img").count() == 6
    shoot(page, "error")


def test_rendering_can_be_stopped_and_gone_on_with(opened, lab):
    _, _, folder = lab
    code = "from analysis.explorer import Explorer\nExplorer(frames=33, steps=40)"
    page = opened(write_notebook(folder, "stop.ipynb", code))
    explore(page)
    page.wait_for_selector(".ww-cell img", timeout=MINUTES)
    page.click(".ww button:text-is('Stop')")
    wait_for_status(page, "stopped; ")
    there = page.locator(".ww-cell img").count()
    assert 0 < there < 66
    page.wait_for_timeout(3000)
    assert page.locator(".ww-cell img").count() == there
    page.click(".ww button:text-is('Go on')")
    page.wait_for_function(f"document.querySelectorAll('.ww-cell img').length > {there}", timeout=2 * MINUTES)
    page.click(".ww button:text-is('Stop')")


def test_a_dead_kernel_is_said_and_frames_stay(opened, lab):
    _, _, folder = lab
    code = (
        "import os\nfrom pathlib import Path\nfrom analysis.explorer import Explorer\n"
        "Path('pid').write_text(str(os.getpid()))\nExplorer(frames=3, steps=2)"
    )
    page = opened(write_notebook(folder, "dead.ipynb", code))
    explore(page)
    wait_for_status(page, "all 6 frames are there")
    os.kill(int((folder / "pid").read_text()), signal.SIGKILL)
    page.wait_for_function(
        "[...document.querySelectorAll('.ww-error')].some(e => !e.hidden && e.textContent.startsWith('The kernel'))",
        timeout=MINUTES,
    )
    assert page.locator(".ww-cell img").count() == 6
    shoot(page, "dead-kernel")
    drag_to(page, 0)
    first = source(page)
    drag_to(page, 2)
    assert source(page) != first
