"""Couplings, paths, perceptual distances, projections and families of models that others wrote.

A plugin is a module. Importing it registers what it has: :func:`whichway.geometry.register_coupling`,
:func:`~whichway.geometry.register_path`, :func:`~whichway.geometry.register_method`,
:func:`whichway.register_perceptual_distance`, :func:`whichway.register_projection`, :func:`whichway.register_family`.
The command finds installed plugins by their entry points in the group "whichway.plugins", and any other by
``--plugin MODULE`` or ``--plugin FILE.py``. In Python it is enough to import it.
"""

import hashlib
import importlib
import importlib.util
import sys
import traceback
import warnings
from collections.abc import Mapping
from importlib.metadata import entry_points
from pathlib import Path
from types import MappingProxyType, ModuleType
from typing import Any

from whichway.analysis.errors import UserError

GROUP = "whichway.plugins"

_plugins: dict[str, str] = {}
#: module or file of each plugin that was loaded → its version, or the SHA-256 of its file
PLUGINS: Mapping[str, str] = MappingProxyType(_plugins)


def load_plugin(name: str) -> None:
    """Import the plugin called ``name``: a module, or a file that ends in .py. A second time nothing happens.

    Raises:
        UserError: there is none of that name, or its import failed.
    """
    file = Path(name)
    key = str(file.resolve()) if file.suffix == ".py" else name
    if key in _plugins:
        return
    if file.suffix == ".py" and not file.is_file():
        raise UserError(f"plugin: no file {name!r}; wanted a Python file or a module that can be imported")
    try:
        module = _import_file(Path(key)) if file.suffix == ".py" else importlib.import_module(name)
    except ModuleNotFoundError as error:
        if error.name is None or not (name == error.name or name.startswith(f"{error.name}.")):
            raise _failed(name, error) from error
        raise UserError(
            f"plugin: no module {name!r} can be imported; wanted an installed module, or a file such as {name}.py"
        ) from error
    except Exception as error:  # whatever a module does while it is imported
        raise _failed(name, error) from error
    _plugins[key] = _version(module)


def load_installed_plugins() -> None:
    """Import every plugin that an installed package declares; one that fails is left out, with a warning."""
    for entry_point in installed_plugins():
        if entry_point.module in _plugins:
            continue
        try:
            module = importlib.import_module(entry_point.module)
        except Exception as error:  # somebody else's package must not stop this one
            warnings.warn(f"left out: {_failed(entry_point.name, error)}", stacklevel=2)
        else:
            _plugins[entry_point.module] = entry_point.dist.version if entry_point.dist else _version(module)


def installed_plugins() -> tuple[Any, ...]:
    """The entry points of those that were declared, loaded or not.

    Of :mod:`importlib.metadata`, or of its backport, whose finder answers for it once anybody has imported that.
    """
    return tuple(entry_points(group=GROUP))


def _import_file(path: Path) -> ModuleType:
    """Under a name of its own, so that a file called ``random.py`` is in nobody's way."""
    name = f"whichway_plugin_{path.stem}"
    spec = importlib.util.spec_from_file_location(name, path)
    assert spec is not None, path
    assert spec.loader is not None, path
    module = importlib.util.module_from_spec(spec)
    sys.modules[name] = module  # before it runs: dataclasses look their module up
    try:
        spec.loader.exec_module(module)
    except BaseException:
        del sys.modules[name]
        raise
    return module


def _failed(name: str, error: Exception) -> UserError:
    """With the line of the plugin that raised, since its author has nothing else to go by."""
    lines = traceback.StackSummary.extract(traceback.walk_tb(error.__traceback__), lookup_lines=False)
    of_modules = (line for line in lines if line.name == "<module>")  # the first one that was imported is the plugin
    place = next((f" ({Path(line.filename).name}, line {line.lineno})" for line in of_modules), "")
    return UserError(f"plugin {name!r} cannot be loaded{place}: {type(error).__name__}: {error}")


def _version(module: ModuleType) -> str:
    if isinstance(version := getattr(module, "__version__", None), str):
        return version
    file = getattr(module, "__file__", None)
    return f"SHA-256 {hashlib.sha256(Path(file).read_bytes()).hexdigest()[:8]}" if file else "unknown"
