"""``whichway methods``"""

import click

from whichway.analysis.vocabulary import (
    DISTANCES,
    FREE,
    GROUNDS,
    INTERPOLATIONS,
    PARAMETRISATIONS,
    PENALTIES,
    PERCEPTUAL_DISTANCES,
    POOLED,
    PROJECTIONS,
    SCHEDULERS,
    TOKENS,
)


@click.command()
def methods() -> None:
    """List methods, couplings, paths, ground metrics and all other choices, one line each, those of plugins too."""
    import whichway.analysis.paths  # noqa: F401 - registers methods of its own
    from whichway.analysis.command.tables import show_choices
    from whichway.analysis.families import FAMILIES
    from whichway.geometry import COUPLINGS, METHODS, PATHS

    show_choices(
        {
            "--methods": {name: method.summary for name, method in METHODS.items()},
            "--methods coupling+path: couplings": {name: rule.summary for name, rule in COUPLINGS.items()},
            "--methods coupling+path: paths": {name: rule.summary for name, rule in PATHS.items() if rule.coupled},
            "--methods geodesic@choice": FREE | PENALTIES,
            "--ground": GROUNDS,
            "--tokens": TOKENS,
            "--parametrisation": PARAMETRISATIONS,
            "--pooled": POOLED,
            "--interpolation": INTERPOLATIONS,
            "--perceptual-distance": PERCEPTUAL_DISTANCES,
            "--projection": PROJECTIONS,
            "--scheduler": SCHEDULERS,
            "--distance": DISTANCES,
            "--model: families": {name: ", ".join(family.pipelines) for name, family in FAMILIES.items()},
        }
    )
