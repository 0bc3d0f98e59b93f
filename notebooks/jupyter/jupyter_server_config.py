"""Jupyter in this project's environment: these notebooks are saved as they are committed.

``make lab`` links these files in ``.venv/etc/jupyter``, where each Jupyter of that environment reads them, however it
is started; ``labconfig/default_setting_overrides.json`` answers JupyterLab's question about news with no. Another
environment's Jupyter reads them by ``JUPYTER_CONFIG_PATH=notebooks/jupyter jupyter lab``.
"""

import subprocess
from pathlib import Path
from typing import Any

import nbformat

c = get_config()  # type: ignore[name-defined] - Jupyter provides it


def save_as_committed(model: dict[str, Any], path: str, contents_manager: Any, **_: Any) -> None:
    """Leave out what running a notebook of the project puts into it; other notebooks are saved with their outputs.

    The outputs stay in the browser's tab. Whoever wants to keep them saves the notebook under another name.
    """
    file = Path(contents_manager.root_dir).expanduser() / path.strip("/")
    if model["type"] != "notebook" or not is_of_the_project(file):
        return
    before = nbformat.read(file, as_version=4)
    model["content"]["metadata"] = before.metadata
    metadata = {cell.get("id"): cell.metadata for cell in before.cells}
    for cell in model["content"]["cells"]:
        cell["metadata"] = metadata.get(cell.get("id"), {})
        if cell["cell_type"] == "code":
            cell["outputs"], cell["execution_count"] = [], None


def is_of_the_project(file: Path) -> bool:
    """Whether it is one of the notebooks beside this file's folder, as git has them."""
    if not (file.parent / "jupyter" / "jupyter_server_config.py").is_file():
        return False
    command = ["git", "-C", str(file.parent), "ls-files", "--error-unmatch", file.name]
    try:
        return subprocess.run(command, capture_output=True, check=False).returncode == 0
    except OSError:  # no git, and so nothing that could be dirty
        return False


c.FileContentsManager.pre_save_hook = save_as_committed
