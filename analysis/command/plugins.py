"""Plugins on the command line: ``--plugin``, installed ones, and what they add in ``--help``."""

from collections.abc import Callable, Mapping
from typing import Any

import click

from whichway.analysis.command.outcome import BAD_INPUT, in_one_line, say
from whichway.analysis.plugins import installed_plugins, load_installed_plugins, load_plugin

_added: dict[str, str] = {}  # "kind name" of what plugins registered → its summary


class RegisteredChoice(click.Choice):
    """One of the names that a registry has at the time of asking: those of plugins too.

    Args:
        registry: name → summary.
    """

    def __init__(self, registry: Mapping[str, str]) -> None:
        self.registry = registry
        super().__init__(())

    @property
    def choices(self) -> tuple[str, ...]:  # type: ignore[override]  # click's is an attribute
        return tuple(self.registry)

    @choices.setter
    def choices(self, choices: object) -> None: ...


def _is_unicode(text: str) -> bool:
    try:
        text.encode()
    except UnicodeEncodeError:
        return False
    return True


class CommandsWithPlugins(click.Group):
    """Loads installed plugins before any of its commands looks at its options; gives each command ``--plugin``."""

    def add_command(self, cmd: click.Command, name: str | None = None) -> None:
        cmd.params.append(plugin_option())
        super().add_command(cmd, name)

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        """As click does; what manifests and tokenizers cannot hold is refused before anything begins.

        Raises:
            click.UsageError: an argument whose bytes are no UTF-8, which Python keeps as lone surrogates.
        """
        for argument in args:
            if not _is_unicode(argument):
                raise click.UsageError(f"wanted arguments in UTF-8, got {argument!r}")
        return super().parse_args(ctx, args)

    def invoke(self, ctx: click.Context) -> Any:
        """As click does, but for characters of the user's that a terminal would obey in what click says of them."""
        try:
            return super().invoke(ctx)
        except click.ClickException as error:
            error.message = in_one_line(error.message)  # type: ignore[misc]  # final in click's types
            raise

    def resolve_command(self, ctx: click.Context, args: list[str]) -> tuple:
        name, command, rest = super().resolve_command(ctx, args)
        if installed_plugins():
            _load(load_installed_plugins)
        if command is not None:
            command.epilog = plugins_in_words()
        return name, command, rest


def plugin_option() -> click.Option:
    return click.Option(
        ["--plugin"],
        multiple=True,
        is_eager=True,
        expose_value=False,
        metavar="MODULE|FILE.py",
        callback=_load_named,
        help="Load couplings, paths, perceptual distances, projections or families of yours; repeat it for more.",
    )


def plugins_in_words() -> str | None:
    """What plugins added, one line each, for the end of ``--help``."""
    if not _added:
        return None
    return "\b\nFrom plugins:\n" + "\n".join(f"  {name}: {summary}" for name, summary in _added.items())


def _load_named(ctx: click.Context, option: click.Parameter, names: tuple[str, ...]) -> None:
    from whichway.analysis.errors import UserError

    try:
        for name in names:
            _load(load_plugin, name)
    except UserError as error:
        say(f"Error: {error}")
        ctx.exit(BAD_INPUT)
    ctx.command.epilog = plugins_in_words()


def _load(load: Callable[..., None], *arguments: str) -> None:
    """Note what appears in the registries meanwhile."""
    before = registered()
    load(*arguments)
    _added.update({name: summary for name, summary in registered().items() if name not in before})


def registered() -> dict[str, str]:
    """Everything that a plugin can add to: "kind name" → summary."""
    import whichway.analysis.paths  # noqa: F401 - registers methods of its own
    from whichway.analysis.families import FAMILIES
    from whichway.analysis.vocabulary import PERCEPTUAL_DISTANCES, PROJECTIONS
    from whichway.geometry import COUPLINGS, METHODS, PATHS

    registries: dict[str, Mapping[str, Any]] = {
        "method": METHODS,
        "coupling": COUPLINGS,
        "path": PATHS,
        "perceptual distance": PERCEPTUAL_DISTANCES,
        "projection": PROJECTIONS,
        "family of models": FAMILIES,
    }
    return {
        f"{kind} {name}": getattr(entry, "summary", "") or (entry if isinstance(entry, str) else entry.name)
        for kind, registry in registries.items()
        for name, entry in registry.items()
    }
