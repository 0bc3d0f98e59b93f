"""A real JupyterLab and a real browser, for tests and benchmarks that meet the notebooks as a person does."""

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
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

ROOT = Path(__file__).parent.parent
#: no sandbox, since containers have none; no talk with anyone but this machine
FLAGS = (
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
)
LAPTOP = {"width": 1366, "height": 768}
MINUTE = 60_000  # milliseconds


@dataclass(frozen=True)
class Lab:
    """A running JupyterLab: on loopback, with a token, on a folder of its own."""

    address: str
    token: str
    folder: Path

    def write_notebook(self, name: str, code: str) -> str:
        """A notebook of one cell."""
        cell = {"cell_type": "code", "execution_count": None, "id": "only", "metadata": {}, "outputs": []}
        kernel = {"display_name": "Python 3", "language": "python", "name": "python3"}
        content = {"cells": [cell | {"source": code}], "metadata": {"kernelspec": kernel}}
        (self.folder / name).write_text(json.dumps(content | {"nbformat": 4, "nbformat_minor": 5}))
        return name

    def open(self, page: Any, name: str) -> None:
        """Open a notebook, and wait until its cells can be run."""
        workspace = secrets.token_hex(4)  # a new one: no other notebook's tab is opened again
        page.goto(f"{self.address}/lab/workspaces/{workspace}/tree/{name}?token={self.token}")
        page.wait_for_selector(".jp-Notebook .jp-CodeCell", timeout=MINUTE)
        page.wait_for_selector("text=(ipykernel) | Idle", timeout=MINUTE)  # earlier, a cell is not run


@contextmanager
def running_lab(folder: Path) -> Iterator[Lab]:
    """JupyterLab on a copy of the project's notebooks in ``folder``.

    Raises:
        RuntimeError: it does not answer within a minute; its log is the message.
    """
    shutil.copytree(ROOT / "notebooks", folder / "notebooks", ignore=shutil.ignore_patterns("runs", "*.py"))
    (folder / "figures").symlink_to(ROOT / "figures")
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    lab, log = Lab(f"http://127.0.0.1:{port}", secrets.token_hex(16), folder), folder / "lab.log"
    options = [f"--port={port}", "--ip=127.0.0.1", "--no-browser", "--allow-root"]
    options += [f"--IdentityProvider.token={lab.token}", f"--ServerApp.root_dir={folder}"]
    with log.open("w") as file:
        command = [sys.executable, "-m", "jupyter", "lab", *options]
        server = subprocess.Popen(command, stdout=file, stderr=file, start_new_session=True, env=_own_settings(folder))
    try:
        _wait_for(f"{lab.address}/api/status?token={lab.token}", log)
        yield lab
    finally:
        os.killpg(server.pid, signal.SIGTERM)
        server.wait(30)


def _own_settings(folder: Path) -> dict[str, str]:
    """The environment with the project's settings of Jupyter, less the user's: themes, open tabs, extensions."""
    own = {"JUPYTER_CONFIG_DIR": "config", "JUPYTERLAB_SETTINGS_DIR": "settings", "JUPYTERLAB_WORKSPACES_DIR": "tabs"}
    return (
        dict(os.environ)
        | {name: str(folder / f".{place}") for name, place in own.items()}
        | {"JUPYTER_CONFIG_PATH": str(ROOT / "notebooks" / "jupyter")}
    )


def _wait_for(address: str, log: Path) -> None:
    for _ in range(120):
        try:
            with urllib.request.urlopen(address, timeout=5):
                return
        except OSError:
            time.sleep(0.5)
    raise RuntimeError(log.read_text())


@contextmanager
def running_chromium() -> Iterator[Any]:
    """Playwright's handle of Debian's chromium, headless.

    Raises:
        RuntimeError: no chromium on the path.
    """
    from playwright.sync_api import sync_playwright

    chromium = shutil.which("chromium")
    if chromium is None:
        raise RuntimeError("no chromium on the path; 'make test-browser' installs Debian's")
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=chromium, args=list(FLAGS))
        yield browser
        browser.close()


def run_only_cell(page: Any, shown: str = ".ww") -> None:
    """Run a notebook's one cell, and wait for what it shows: the explorer, or another selector."""
    page.click(".jp-Notebook .jp-CodeCell .jp-InputArea-editor")
    page.keyboard.press("Shift+Enter")
    page.wait_for_selector(shown, timeout=MINUTE)


def wait_for_status(page: Any, words: str) -> None:
    """Until the explorer says so."""
    script = "words => document.querySelector('.ww-status')?.textContent.startsWith(words)"
    page.wait_for_function(script, arg=words, timeout=2 * MINUTE)


#: of every piece of text that is seen: its class, and its contrast with what is behind it (WCAG 2.2), the worst first
CONTRASTS = r"""
root => {
  const rgba = text => {
    const [r, g, b, a = 1] = text.match(/[\d.]+/g).map(Number);
    return text.startsWith("color(") ? [r * 255, g * 255, b * 255, a] : [r, g, b, a];
  };
  const over = (top, below) => [0, 1, 2].map(k => top[3] * top[k] + (1 - top[3]) * below[k]);
  const behind = element => {
    const layers = [];
    for (let each = element; each; each = each.parentElement) layers.push(rgba(getComputedStyle(each).backgroundColor));
    return layers.reverse().reduce((below, layer) => over(layer, below), [255, 255, 255]);
  };
  const luminance = colour => {
    const [r, g, b] = colour.map(v => v / 255).map(v => (v <= 0.04045 ? v / 12.92 : ((v + 0.055) / 1.055) ** 2.4));
    return 0.2126 * r + 0.7152 * g + 0.0722 * b;
  };
  const texts = [...root.querySelectorAll("*")].filter(element => {
    const own = [...element.childNodes].some(n => n.nodeType === 3 && n.textContent.trim());
    const seen = element.checkVisibility() && !element.closest(":disabled, title, option");
    return seen && (own || element.matches("input, textarea, select"));
  });
  return texts.map(element => {
    const ground = behind(element), style = getComputedStyle(element);
    const ink = rgba(element instanceof SVGElement ? style.fill : style.color);
    const [dark, light] = [luminance(over(ink, ground)), luminance(ground)].sort((a, b) => a - b);
    return [element.className.baseVal ?? (element.className || element.tagName), (light + 0.05) / (dark + 0.05)];
  }).sort((a, b) => a[1] - b[1]);
}
"""


def fill_prompt(page: Any, letter: str, text: str) -> None:
    """Type a prompt into the explorer, and press Enter."""
    page.fill(f".ww [aria-label='prompt {letter}']", text)
    page.press(f".ww [aria-label='prompt {letter}']", "Enter")
