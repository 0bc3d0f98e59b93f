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

import pytest
from click.testing import CliRunner

from tests.jupyter import LAPTOP, MINUTE, ROOT, fill_prompt, running_chromium, wait_for_status
from whichway.analysis.command.main import main
from whichway.analysis.explorer import browser
from whichway.analysis.explorer.settings import ExplorerSettings
from whichway.analysis.images.sampling import Sampling

SHOTS = ROOT / "runs" / "browser"
PROMPTS = ("a fox on a blue background", 'a "panda"\' on a pink background\nprint(1)')


def test_what_was_typed_is_no_code_of_the_page():
    notebook = browser._notebook(ExplorerSettings(PROMPTS))
    [cell] = notebook["cells"]
    called = []
    source = cell["source"].replace("from whichway.analysis.explorer.browser import page\n", "")
    exec(source, {"page": called.append})
    assert tuple(json.loads(called[0])["prompts"]) == PROMPTS


def test_the_page_has_the_settings_of_the_command(tmp_path, monkeypatch):
    from whichway.analysis.explorer import widget

    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(widget.Explorer, "_restart", lambda self, **_: None)
    settings = ExplorerSettings(PROMPTS, ("slerp",), frames=5, sampling=Sampling(seed=3, num_inference_steps=2))
    [cell] = browser._notebook(settings)["cells"]
    content = []
    exec(cell["source"].partition("\n")[2], {"page": content.append})
    explorer = browser.page(content[0])
    assert (tuple(explorer.prompts), explorer.methods, explorer.frames) == (PROMPTS, ["slerp"], 5)
    assert (explorer.seed, explorer.num_inference_steps) == (3, 2)
    assert explorer._folder == tmp_path / "runs" / "explorer"
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


@pytest.mark.browser
def test_the_explorer_opens_in_a_browser_and_answers_only_to_its_token(tmp_path):
    command = [
        sys.executable,
        "-c",
        "from whichway.analysis.command.main import main; main()",
        "explore",
        "--no-browser",
    ]
    quick = ["a fox on a blue background", "a panda on a pink background", "--frames", "3", "--steps", "2"]
    environment = dict(os.environ) | {"PYTHONUNBUFFERED": "1"}
    server = subprocess.Popen([*command, *quick], cwd=tmp_path, stdout=subprocess.PIPE, text=True, env=environment)
    try:
        address = server.stdout.readline().split()[-1]
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
        errors: list[str] = []
        outside: list[str] = []
        with running_chromium() as chromium:
            page = chromium.new_context(viewport=LAPTOP).new_page()
            page.on("pageerror", lambda error: errors.append(str(error)))
            page.on(
                "requestfinished", lambda asked: outside.append(asked.url) if not asked.url.startswith(root) else None
            )
            page.goto(address, wait_until="commit")
            page.wait_for_selector(".ww", timeout=2 * MINUTE)
            wait_for_status(page, "all 6 frames are there")
            fill_prompt(page, "B", "a rocket at night")
            wait_for_status(page, "all 6 frames are there")
            shade = "element => getComputedStyle(element).color"
            assert page.eval_on_selector(".ww-viewer figcaption >> nth=0", shade) == "rgb(0, 114, 178)"  # optimal's
            page.click(".ww button:text-is('+ prompt')")
            assert page.input_value(".ww [aria-label='prompt C']") == ""
            assert page.text_content(".ww-status") == "all 6 frames are there"  # nothing is rendered yet
            fill_prompt(page, "C", "a car at sunset")
            wait_for_status(page, "all 10 frames are there")
            SHOTS.mkdir(parents=True, exist_ok=True)
            page.screenshot(path=SHOTS / "explore.png")
        assert list((tmp_path / "runs" / "explorer").iterdir())
        assert not errors
        assert not [url for url in outside if url.startswith("http")]
        assert stat.S_IMODE(Path(server_folder(server.pid)).stat().st_mode) == 0o700
    finally:
        server.send_signal(signal.SIGINT)
        server.wait(30)
    assert server.returncode != 0  # as every interrupted command
    with pytest.raises(OSError, match="refused"):
        urllib.request.urlopen(root, timeout=5)


def server_folder(parent: int) -> str:
    """Where the hosted notebook lies, by the command line of the process that hosts it."""
    for file in Path("/proc").glob("[0-9]*/cmdline"):
        try:
            words = file.read_bytes().split(b"\0")
        except OSError:
            continue
        if b"voila" in words:
            return str(Path(next(word for word in words if word.endswith(b".ipynb")).decode()).parent)
    raise AssertionError("no Voilà runs")
