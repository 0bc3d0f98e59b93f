"""``whichway explore``: one page on loopback, behind a token, that ends with the command."""

import json
import os
import signal
import socket
import stat
import subprocess
import sys
import urllib.error
import urllib.request
from pathlib import Path

import psutil
import pytest
from click.testing import CliRunner

from tests.jupyter import CONTRASTS, LAPTOP, MINUTE, ROOT, fill_prompt, running_chromium, wait_for_status
from whichway.analysis.command.main import main
from whichway.analysis.explorer import browser
from whichway.analysis.explorer.settings import ExplorerSettings
from whichway.analysis.images.sampling import Sampling
from whichway.analysis.models.choice import ModelChoice

SHOTS = ROOT / "runs" / "browser"
PHONE = {"width": 390, "height": 844}
PROMPTS = ("a fox on a blue background", 'a "panda"\' on a pink background\nprint(1)')


def test_what_was_typed_is_no_code_of_the_page():
    notebook = browser._notebook(ExplorerSettings(PROMPTS), "system")
    [cell] = notebook["cells"]
    called = []
    source = cell["source"].replace("from whichway.analysis.explorer.browser import page\n", "")
    exec(source, {"page": called.append})
    assert tuple(json.loads(called[0])["prompts"]) == PROMPTS


@pytest.mark.parametrize("theme", ["system", "dark"])
def test_the_page_has_the_settings_of_the_command(tmp_path, monkeypatch, theme):
    from whichway.analysis.explorer import widget

    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(widget.Explorer, "_restart", lambda self, **_: None)
    monkeypatch.setattr(ModelChoice, "load", lambda *_: pytest.fail("loaded before the page is there"))
    settings = ExplorerSettings(
        PROMPTS,
        ("slerp", "geodesic"),
        "cross-attention",
        "own",
        "perceptual",
        frames=5,
        geodesic_iterations=3,
        perceptual_distance="efficientnet",
        model=ModelChoice("miniature", device="cpu", dtype="float64", loras=("a.safetensors",), syntax="weighted"),
        sampling=Sampling(seed=3, num_inference_steps=2, negative_prompt="fog", height=32),
    )
    [cell] = browser._notebook(settings, theme)["cells"]
    content = []
    exec(cell["source"].partition("\n")[2], {"page": content.append})
    explorer = browser.page(content[0])
    assert explorer._chosen_settings() == settings
    assert explorer._folder == tmp_path / "runs" / "explorer"
    assert explorer._dom_classes == (("ww-system",) if theme == "system" else ())
    explorer.close()


def test_a_port_that_is_taken_is_refused_in_one_line():
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        result = CliRunner().invoke(main, ["explore", "--no-browser", "--port", str(port)])
    assert result.exit_code == 2
    assert result.output.startswith(f"Error: port: {port} cannot be used")


def test_without_voila_the_command_says_what_to_install(monkeypatch):
    monkeypatch.setattr(browser, "find_spec", lambda name: None)
    result = CliRunner().invoke(main, ["explore", "a fox", "a panda", "--no-browser"])
    assert result.exit_code == 2
    assert "needs Voilà; install it with: " in result.output


@pytest.mark.parametrize(
    ("arguments", "message"),
    [(("a fox", ""), "prompt B is empty"), (("a fox",), "wanted two or more"), (("a", "b", "--methods", "x"), "x")],
)
def test_bad_input_ends_before_anything_is_served(monkeypatch, arguments, message):
    monkeypatch.setattr(browser, "serving", lambda *_, **__: pytest.fail("served"))
    result = CliRunner().invoke(main, ["explore", *arguments])
    assert result.exit_code == 2
    assert message in result.output


def status_of(address: str) -> int:
    class Stay(urllib.request.HTTPRedirectHandler):
        def redirect_request(self, *_):
            return None

    try:
        return urllib.request.build_opener(Stay).open(address, timeout=60).status
    except urllib.error.HTTPError as error:
        return error.code


@pytest.fixture(scope="module")
def server(tmp_path_factory):
    """The command, running: its address, its folder, and its process."""
    folder = tmp_path_factory.mktemp("explore")
    command = [
        sys.executable,
        "-c",
        "from whichway.analysis.command.main import main; main()",
        "explore",
        "--no-browser",
    ]
    quick = ["a fox on a blue background", "a panda on a pink background", "--frames", "3", "--steps", "2"]
    environment = dict(os.environ) | {"PYTHONUNBUFFERED": "1"}
    process = subprocess.Popen([*command, *quick], cwd=folder, stdout=subprocess.PIPE, text=True, env=environment)
    try:
        yield process.stdout.readline().split()[-1], folder, process
    finally:
        process.send_signal(signal.SIGINT)
        process.wait(30)


@pytest.fixture(scope="module")
def chromium():
    with running_chromium() as browser:
        yield browser


@pytest.fixture
def page(chromium, server):
    """An empty page; what goes wrong in it, or is asked of another machine, fails the test."""
    own = (server[0].partition("/?token=")[0], "blob:", "data:")
    errors: list[str] = []
    context = chromium.new_context(viewport=LAPTOP)
    page = context.new_page()
    page.on("pageerror", lambda error: errors.append(str(error)))
    page.on("requestfinished", lambda asked: None if asked.url.startswith(own) else errors.append(asked.url))
    yield page
    shoot(page, "explore-last")
    context.close()
    assert not errors


def opened(page, address: str, frames: int = 6) -> None:
    page.goto(address, wait_until="commit")
    page.wait_for_selector(".ww", timeout=2 * MINUTE)
    wait_for_status(page, f"all {frames} frames are there")


def set_number(page, label: str, value: int) -> None:
    """One of the settings that are folded."""
    page.click(".ww summary")
    setting = page.locator(f'.ww [aria-label="{label}"]')
    setting.fill(str(value))
    setting.press("Enter")


def shoot(page, name: str) -> None:
    SHOTS.mkdir(parents=True, exist_ok=True)
    page.screenshot(path=SHOTS / f"{name}.png", full_page=True)


@pytest.mark.browser
def test_the_page_answers_only_to_its_token_which_no_other_user_sees(server):
    address, _, process = server
    root, _, token = address.partition("/?token=")
    assert root.startswith("http://127.0.0.1:")
    assert len(token) >= 32
    assert status_of(f"{root}/") == 302  # to a page that asks for the token
    assert status_of(f"{root}/?token=guess") == 302
    for file in Path("/proc").glob("[0-9]*/cmdline"):  # which every user of the machine can read
        try:
            assert token.encode() not in file.read_bytes() or file.parent.stat().st_uid != os.getuid()
        except OSError:
            continue
    assert stat.S_IMODE(Path(server_folder(process.pid)).stat().st_mode) == 0o700


@pytest.mark.browser
def test_prompts_are_typed_and_one_that_is_added_waits_until_it_is_asked_for(server, page):
    address, folder, _ = server
    opened(page, address)
    fill_prompt(page, "B", "a rocket at night")
    wait_for_status(page, "all 6 frames are there")
    mark = "element => getComputedStyle(element).fill"
    assert page.eval_on_selector(".ww-viewer .ww-mark path >> nth=0", mark) == "rgb(0, 114, 178)"  # optimal's
    page.click(".ww button:text-is('+ prompt')")
    assert page.input_value(".ww [aria-label='prompt C']") == ""
    page.fill(".ww [aria-label='prompt C']", "a car at sunset")
    page.click(".ww-viewer figcaption >> nth=0")  # somewhere else
    page.wait_for_timeout(500)
    assert page.text_content(".ww-status") == "all 6 frames are there"  # nothing is rendered yet
    page.click(".ww button:text-is('render')")
    wait_for_status(page, "all 10 frames are there")
    assert page.locator(".ww-keyframes b").all_text_contents() == ["A", "B", "C"]
    assert page.locator(".ww-cell.ww-key").count() == 6  # of two methods
    page.click(".ww-marks button:text-is('B')")
    assert page.text_content(".ww-t") == "t = 0.500"
    assert list((folder / "runs" / "explorer").iterdir())
    page.click(".ww button[title='remove this prompt'] >> nth=2")
    wait_for_status(page, "all 6 frames are there")
    assert page.locator(".ww-marks button").count() == 2


@pytest.mark.browser
def test_frames_are_smooth_where_they_are_shrunk_and_crisp_where_they_are_enlarged(server, page):
    opened(page, server[0])
    scaling = "image => [image.clientWidth, image.naturalWidth, image.style.imageRendering]"
    width, natural, rendering = page.eval_on_selector(".ww-viewer img >> nth=0", scaling)
    assert width > natural
    assert rendering == "pixelated"
    page.eval_on_selector(".ww-strips", "strips => (strips.style.width = '120px')")
    page.wait_for_function("document.querySelector('.ww-cell img').clientWidth < 60")
    page.wait_for_function("document.querySelector('.ww-cell img').style.imageRendering === 'auto'")
    page.eval_on_selector(".ww-strips", "strips => (strips.style.width = '')")
    page.select_option(".ww [aria-label='zoom']", "4")
    page.wait_for_function(f"Math.abs(document.querySelector('.ww-cell').clientWidth - {4 * natural}) < 6")


@pytest.mark.browser
def test_a_click_enlarges_and_arrow_keys_go_along_the_path(server, page):
    opened(page, server[0])
    page.click(".ww [aria-label='enlarge optimal']")
    page.wait_for_function(f"document.querySelector('.ww-large').clientWidth > {0.7 * LAPTOP['height']}")
    caption = page.text_content(".ww-enlarged figcaption")
    shoot(page, "explore-enlarged")
    page.keyboard.press("ArrowRight")
    assert page.text_content(".ww-enlarged figcaption") != caption
    page.keyboard.press("Escape")
    assert not page.is_visible(".ww-large")


@pytest.mark.browser
def test_a_long_prompt_is_folded_until_somebody_writes_in_it(server, page):
    opened(page, server[0])
    height = "area => area.clientHeight"
    line = page.eval_on_selector(".ww [aria-label='prompt B']", height)
    fill_prompt(page, "B", "a panda on a pink background " * 12)
    page.wait_for_selector(".ww-folded")
    assert page.eval_on_selector(".ww [aria-label='prompt B']", height) == line
    page.focus(".ww [aria-label='prompt B']")
    assert page.eval_on_selector(".ww [aria-label='prompt B']", height) > 2 * line


@pytest.mark.browser
@pytest.mark.parametrize("theme", ["light", "dark"])
def test_all_text_can_be_read_wide_and_narrow(server, page, theme):
    opened(page, f"{server[0]}&theme={theme}")
    page.click(".ww summary")
    shoot(page, f"explore-{theme}")
    fill_prompt(page, "B", "")  # an error
    page.wait_for_selector(".ww-error:not([hidden])")
    contrasts = page.eval_on_selector(".ww", CONTRASTS)
    assert len(contrasts) > 40
    assert min(contrast for _, contrast in contrasts) >= 4.5, contrasts[:5]
    backdrop = page.eval_on_selector("body", "body => getComputedStyle(body).backgroundColor")
    assert (backdrop == "rgb(255, 255, 255)") == (theme == "light")
    page.set_viewport_size(PHONE)
    page.wait_for_timeout(300)
    shoot(page, f"explore-{theme}-phone")
    assert page.eval_on_selector(".ww", "ww => ww.scrollWidth - ww.clientWidth") <= 0


@pytest.mark.browser
def test_the_page_is_as_dark_as_the_system(server, page):
    backdrop = "body => getComputedStyle(body).backgroundColor"
    opened(page, server[0])
    assert page.eval_on_selector("body", backdrop) == "rgb(255, 255, 255)"
    page.emulate_media(color_scheme="dark")
    page.click(".ww summary")
    shoot(page, "explore-dark-system")
    assert page.eval_on_selector("body", backdrop) == "rgb(17, 17, 17)"
    contrasts = page.eval_on_selector(".ww", CONTRASTS)
    assert min(contrast for _, contrast in contrasts) >= 4.5, contrasts[:5]


@pytest.mark.browser
def test_the_map_marks_the_frame_that_is_shown(server, page):
    opened(page, server[0])
    page.wait_for_selector(".ww-map .ww-point.ww-here")
    page.click(".ww-marks button:text-is('B')")
    titles = page.locator(".ww-map .ww-point.ww-here title").all_text_contents()
    assert titles == ["optimal, t = 1.000", "identity, t = 1.000"]


@pytest.mark.browser
def test_a_geodesic_improves_while_one_watches(server, page):
    opened(page, server[0])
    set_number(page, "geodesic's iterations", 2)
    page.select_option(".ww [aria-label='method']", "geodesic")
    wait_for_status(page, "geodesic: iteration 1 of at most 2, energy ")
    wait_for_status(page, "all 6 frames are there; geodesic: iteration 2 of at most 2")
    shoot(page, "explore-geodesic")
    page.select_option(".ww [aria-label='frames are taken']", "perceptual")
    wait_for_status(page, "all 6 frames are there")


@pytest.mark.browser
def test_a_frame_that_takes_long_is_previewed(server, page):
    opened(page, server[0])
    set_number(page, "steps", 150)
    page.wait_for_selector("img.ww-preview[title^='a preview']", timeout=MINUTE)
    assert page.eval_on_selector("img.ww-preview", "image => image.naturalWidth") == 64  # as large as the frame
    shoot(page, "explore-preview")
    page.click("button:text-is('Stop')")
    wait_for_status(page, "stopped; ")
    assert page.locator("img.ww-preview").count() == 0


@pytest.mark.browser
def test_the_page_ends_with_the_command():
    with browser.serving(ExplorerSettings(PROMPTS)) as (address, process):
        assert status_of(address) in (200, 302)
    assert process.poll() is not None
    with pytest.raises(OSError, match="refused"):
        urllib.request.urlopen(address, timeout=5)


def server_folder(command: int) -> str:
    """Where the hosted notebook lies, by the command line of the command's child that hosts it."""
    for child in psutil.Process(command).children(recursive=True):
        words = child.cmdline()
        if "voila" in words:
            return str(Path(next(word for word in words if word.endswith(".ipynb"))).parent)
    raise AssertionError("no Voilà runs")
