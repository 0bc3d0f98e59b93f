"""The explorer in a browser, without JupyterLab: one page on this machine alone, opened with a token.

Voilà hosts it: it runs a notebook of one cell, and shows what the cell shows. The page's kernel ends with the page.
"""

import json
import os
import secrets
import socket
import subprocess
import sys
import tempfile
import time
import urllib.error
import urllib.request
import webbrowser
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import asdict
from importlib.util import find_spec
from pathlib import Path

from whichway.analysis.errors import UserError
from whichway.analysis.explorer.exploration import FOLDER
from whichway.analysis.explorer.settings import ExplorerSettings
from whichway.analysis.optional_packages import how_to_install

LOOPBACK = "127.0.0.1"
#: the page asks nobody else: Voilà's own template would fetch a font from a server far away, and wait for it
POLICY = "default-src 'self' 'unsafe-inline' 'unsafe-eval' blob: data:; connect-src 'self' ws: blob: data:"
PATIENCE = 60.0  # seconds until Voilà answers


def explore(
    settings: ExplorerSettings,
    *,
    port: int = 0,
    theme: str = "system",
    browser: bool = True,
    report: Callable[[str], None] = print,
) -> None:
    """Serve the explorer until it is interrupted.

    Args:
        port: on loopback; 0: one that is free.
        theme: "light", "dark", or "system": as the user's system is, and changes.
        browser: open the page in the user's browser; its address is reported in any case.

    Raises:
        UserError: Voilà is not installed, the port is taken, or Voilà ends by itself.
    """
    with serving(settings, port=port, theme=theme) as (address, server):
        report(f"The explorer is at {address}\nCtrl-C ends it.")
        if browser:
            webbrowser.open(address)
        server.wait()
        raise UserError("the explorer's server has ended by itself")


@contextmanager
def serving(
    settings: ExplorerSettings, *, port: int = 0, theme: str = "system"
) -> Iterator[tuple[str, subprocess.Popen]]:
    """A running server: the page's address, token included, and the process, which ends with the context.

    Raises:
        UserError: as :func:`explore`.
    """
    if find_spec("voila") is None or find_spec("anywidget") is None:
        raise UserError(f"the explorer in a browser needs Voilà; install it with: {how_to_install('lab')}")
    port, token = _free_port(port), secrets.token_urlsafe(24)
    with tempfile.TemporaryDirectory(prefix="whichway-") as temporary:
        folder = Path(temporary)  # readable by its owner alone, as the token in it has to be
        (folder / "explorer.ipynb").write_text(json.dumps(_notebook(settings, theme)), encoding="utf-8")
        # in voila.json, which Voilà reads where it is started: an argument could be read by every user of the machine
        own = {"ip": LOOPBACK, "port": port, "port_retries": 0, "open_browser": False, "token": token}
        own["tornado_settings"] = {"headers": {"Content-Security-Policy": POLICY}}
        begins_as = "light" if theme == "system" else theme  # explorer.css makes it dark where the system is
        configuration = {"Voila": own | {"show_tracebacks": True}, "VoilaConfiguration": {"theme": begins_as}}
        (folder / "voila.json").write_text(json.dumps(configuration), encoding="utf-8")
        command = [sys.executable, "-m", "voila", str(folder / "explorer.ipynb")]
        with (folder / "log").open("w+", encoding="utf-8") as log:
            server = subprocess.Popen(command, stdout=log, stderr=log, stdin=subprocess.DEVNULL, cwd=folder)
            try:
                _wait_for(f"http://{LOOPBACK}:{port}/login", server, folder / "log")
                yield f"http://{LOOPBACK}:{port}/?token={token}", server
            finally:
                server.terminate()  # which ends the kernels too
                try:
                    server.wait(10)
                except subprocess.TimeoutExpired:
                    server.kill()


def _free_port(wanted: int) -> int:
    with socket.socket() as free:
        if os.name == "posix":  # one that was left a minute ago is free
            free.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            free.bind((LOOPBACK, wanted))
        except (OSError, OverflowError) as error:
            raise UserError(f"port: {wanted} cannot be used ({error}); wanted a free one, or 0 for any") from error
        return int(free.getsockname()[1])


def _notebook(settings: ExplorerSettings, theme: str) -> dict:
    """One cell. Settings are in it as JSON in a literal: no text of the user's is code."""
    place = {"folder": str(Path.cwd()), "frames_in": str(Path.cwd() / FOLDER), "theme": theme}
    content = json.dumps(asdict(settings) | place)
    source = f"from whichway.analysis.explorer.browser import page\npage({content!r})"
    cell: dict[str, object] = {
        "cell_type": "code",
        "execution_count": None,
        "id": "explorer",
        "metadata": {},
        "outputs": [],
    }
    kernel = {"display_name": "Python 3", "language": "python", "name": "python3"}
    metadata = {"kernelspec": kernel, "title": "Which way from B to A"}
    return {"cells": [cell | {"source": source}], "metadata": metadata, "nbformat": 4, "nbformat_minor": 5}


def page(content: str) -> object:
    """In the page's kernel: the explorer of these settings, in the folder where the command was given."""
    from whichway.analysis.explorer.widget import Explorer
    from whichway.analysis.models.choice import ModelChoice

    settings = json.loads(content)
    theme = settings.pop("theme")
    os.chdir(settings.pop("folder"))
    folder, model = Path(settings.pop("frames_in")), ModelChoice.from_json(settings.pop("model"))
    explorer = Explorer(model=model, folder=folder, **settings.pop("sampling"), **settings)
    return explorer.add_class("ww-system") if theme == "system" else explorer


def _wait_for(address: str, server: subprocess.Popen, log: Path) -> None:
    give_up = time.monotonic() + PATIENCE
    while time.monotonic() < give_up:
        if server.poll() is not None:
            lines = log.read_text(encoding="utf-8", errors="replace").strip().splitlines()
            raise UserError(f"Voilà has ended by itself: {lines[-1] if lines else 'it says nothing'}")
        try:
            with urllib.request.urlopen(address, timeout=5):
                return
        except urllib.error.HTTPError:
            return  # an answer
        except OSError:
            time.sleep(0.2)
    raise UserError(f"Voilà does not answer at {address} within {PATIENCE:.0f} seconds")
