"""The notebooks in a real JupyterLab and a real browser, as a person meets them. Run by ``make test-browser``.

Screenshots land in runs/browser/, to be looked at.
"""

import os
import signal
from pathlib import Path

import pytest

from tests.jupyter import (
    LAPTOP,
    MINUTE,
    ROOT,
    fill_prompt,
    run_only_cell,
    running_chromium,
    running_lab,
    wait_for_status,
)

SHOTS = ROOT / "runs" / "browser"
NARROW = {"width": 420, "height": 900}

pytestmark = pytest.mark.browser


@pytest.fixture(scope="module")
def lab(tmp_path_factory):
    with running_lab(tmp_path_factory.mktemp("lab")) as lab:
        yield lab


@pytest.fixture(scope="module")
def chromium():
    with running_chromium() as browser:
        yield browser


@pytest.fixture
def opened(lab, chromium):
    """Opens a notebook, or one of this code, at a laptop's size; errors of the page fail the test."""
    context = chromium.new_context(viewport=LAPTOP, accept_downloads=True)
    page = context.new_page()
    errors: list[str] = []
    page.on("pageerror", lambda error: errors.append(str(error)))

    def open_notebook(name: str, code: str | None = None, shown: str = ".ww"):
        lab.open(page, name if code is None else lab.write_notebook(name, code))
        if code is not None:
            run_only_cell(page, shown)
        return page

    yield open_notebook
    shoot(page, "last")  # what a failure saw
    context.close()
    assert not errors


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


def test_a_notebook_runs_and_its_explorer_answers(opened):
    page = opened("notebooks/03_which_way.ipynb")
    page.click("text=Run >> nth=0")
    page.click("text=Run All Cells")
    assert page.locator("text=official Jupyter news").count() == 0
    page.hover(".jp-Notebook")
    for _ in range(180):  # cells out of sight are not in the page
        page.mouse.wheel(0, 400)
        page.wait_for_timeout(500)
        if page.locator(".ww").count():
            break
    wait_for_status(page, "all 18 frames are there")
    page.locator(".ww").scroll_into_view_if_needed()
    shoot(page, "notebook")
    page.set_viewport_size({"width": 1560, "height": 1440})
    page.wait_for_timeout(500)
    page.locator(".ww").screenshot(path=SHOTS / "explorer.png")
    page.set_viewport_size(LAPTOP)
    page.wait_for_selector("text=(ipykernel) | Idle", timeout=2 * MINUTE)

    fill_prompt(page, "A", "a cat on a yellow background")
    fill_prompt(page, "B", "a rocket at night")
    wait_for_status(page, "all 18 frames are there")
    drag_to(page, 0)
    first = source(page)
    drag_to(page, 8)
    assert source(page) != first
    assert page.text_content(".ww-t") == "t = 1.000"
    assert page.locator(".ww-cell.ww-here").count() == 2
    pixels = "src => fetch(src).then(r => r.arrayBuffer()).then(b => b.byteLength)"
    assert page.evaluate(pixels, source(page)) > 1000


def test_tokens_map_downloads_and_widths(opened):
    code = "from whichway.analysis.explorer import Explorer\nExplorer(frames=5, num_inference_steps=4)"
    page = opened("widths.ipynb", code)
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
        with page.expect_download(timeout=MINUTE) as download:
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


def test_what_is_wrong_is_said_in_the_page_and_what_was_rendered_stays(opened):
    code = "from whichway import Explorer\nexplorer = Explorer(frames=3, num_inference_steps=2)\nexplorer"
    page = opened("wrong.ipynb", code)
    wait_for_status(page, "all 6 frames are there")

    fill_prompt(page, "B", "<img src=x onerror=alert(1)> " + "fox " * 200)
    page.wait_for_selector(".ww-notice:not([hidden])", timeout=MINUTE)
    assert "prompt truncated" in page.text_content(".ww-notice")
    assert page.locator(".ww-notice img").count() == 0
    wait_for_status(page, "all 6 frames are there")

    fill_prompt(page, "B", "")
    page.wait_for_selector(".ww-error:not([hidden])", timeout=MINUTE)
    assert page.text_content(".ww-error") == "prompt B is empty; say what its image should show"
    assert page.locator(".ww-cell img").count() == 6
    fill_prompt(page, "B", "a panda")
    wait_for_status(page, "all 6 frames are there")

    page.click(".ww summary")
    page.fill(".ww input[aria-label='model']", "models/nowhere.safetensors")
    page.press(".ww input[aria-label='model']", "Enter")
    page.wait_for_selector(".ww-error:not([hidden])", timeout=MINUTE)
    assert "does not exist" in page.text_content(".ww-error")
    assert page.locator(".ww-cell img").count() == 6
    shoot(page, "error")


def test_rendering_can_be_stopped_and_gone_on_with(opened):
    code = "from whichway.analysis.explorer import Explorer\nExplorer(frames=33, num_inference_steps=40)"
    page = opened("stop.ipynb", code)
    page.wait_for_selector(".ww-cell img", timeout=MINUTE)
    page.click(".ww button:text-is('Stop')")
    wait_for_status(page, "stopped; ")
    there = page.locator(".ww-cell img").count()
    assert 0 < there < 66
    page.wait_for_timeout(3000)
    assert page.locator(".ww-cell img").count() == there
    page.click(".ww button:text-is('Go on')")
    page.wait_for_function(f"document.querySelectorAll('.ww-cell img').length > {there}", timeout=2 * MINUTE)
    page.click(".ww button:text-is('Stop')")


def test_a_dead_kernel_is_said_and_frames_stay(opened, lab):
    code = (
        "import os\nfrom pathlib import Path\nfrom whichway.analysis.explorer import Explorer\n"
        "Path('pid').write_text(str(os.getpid()))\nExplorer(frames=3, num_inference_steps=2)"
    )
    page = opened("dead.ipynb", code)
    wait_for_status(page, "all 6 frames are there")
    os.kill(int((lab.folder / "pid").read_text()), signal.SIGKILL)
    page.wait_for_function(
        "[...document.querySelectorAll('.ww-error')].some(e => !e.hidden && e.textContent.startsWith('The kernel'))",
        timeout=MINUTE,
    )
    assert page.locator(".ww-cell img").count() == 6
    shoot(page, "dead-kernel")
    drag_to(page, 0)
    first = source(page)
    drag_to(page, 2)
    assert source(page) != first


def test_a_map_shows_the_prompt_under_the_pointer(opened):
    """Its places are computed here once more: they are shares of the picture, in whatever size it is shown."""
    code = """
import numpy as np
from whichway import PromptMap
from whichway.analysis.clouds.projection import Projection

points, prompts = np.array([[0.0, 0.0], [1.0, 0.2], [0.3, 1.0]]), ["a <b>fox</b>", "an owl", "a panda"]
shown = PromptMap(Projection(points, ("1", "2"), 0.0, None), prompts)
shown"""
    here: dict = {}
    exec(code, here)
    page = opened("map.ipynb", code, ".ww-drawn-map")
    picture = page.locator(".ww-drawn-map")
    for prompt, (right, down) in zip(
        here["prompts"], here["np"].frombuffer(here["shown"].places, "<f4").reshape(-1, 2).tolist(), strict=True
    ):
        box = picture.bounding_box()
        picture.hover(position={"x": right * box["width"], "y": down * box["height"]})
        assert page.locator(".ww-hover").inner_text() == prompt
    shoot(page, "prompt_map")
