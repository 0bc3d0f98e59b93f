"""study/, second/ → a part of docs/study.md: is the result one network's, or does another one say it too?"""

from pathlib import Path

import pandas as pd
from scipy.stats import kendalltau

from figures import formats
from figures.formats import number
from figures.saved import SECOND, STUDY
from whichway.analysis.prompts.pairs import DIFFERING
from whichway.analysis.statistics.correlations import correlation
from whichway.analysis.statistics.estimates import Estimate
from whichway.analysis.statistics.paired import by_pair, compare_methods, log_ratios, strata_of
from whichway.analysis.study.results import by_stratum, group_of, read_results
from whichway.analysis.study.robustness import describe_condition
from whichway.analysis.study.saved_study import SavedStudy, read_study

CLAIMED, REFERENCE = "optimal", "identity"


def text(first: Path = STUDY, second: Path = SECOND) -> str:
    """Two networks on the same pairs: the ratios of PPL, the order of the methods, and how they agree pair by pair."""
    studies = read_study(first), read_study(second)
    column = f"ppl_{studies[0].settings.perceptual_distances[0]}"
    results = _on_shared_pairs(first, second)
    return "\n\n".join(
        (
            _conditions(studies[1], *results),
            table(
                {study.settings.model.name: of_study for study, of_study in zip(studies, results, strict=True)}, column
            ),
            agreement(*results, column),
        )
    )


def sentence(first: Path = STUDY, second: Path = SECOND) -> str:
    """What the second network says of the claim, on the pairs that the first one's claim is about."""
    column = f"ppl_{read_study(first).settings.perceptual_distances[0]}"
    results = _on_shared_pairs(first, second)[1]
    ratio = number(_ratios(results, column)[CLAIMED])
    pairs = results["pair"].nunique()
    return (
        f"A second network, trained from another seed, has {ratio} over the same {pairs} pairs that say different "
        "things."
    )


def table(networks: dict[str, pd.DataFrame], column: str) -> str:
    """The claimed method's ratios by stratum, and over all pairs those of the other methods that all networks have."""
    strata = list(by_stratum(next(iter(networks.values()))))
    lines = [f"| method | network | all | {' | '.join(strata)} |", f"| --- | --- | --- |{' --- |' * len(strata)}"]
    for method in _shared_methods(*networks.values()):
        for network, results in networks.items():
            groups = by_stratum(results) if method == CLAIMED else {}
            ratios = {"all": results, **groups}
            cells = {name: number(_ratios(rows, column)[method]) for name, rows in ratios.items()}
            shown = " | ".join(cells.get(name, "") for name in ("all", *strata))
            lines.append(f"| `{method}` | {network} | {shown} |")
    return "\n".join(lines)


def agreement(of_first: pd.DataFrame, of_second: pd.DataFrame, column: str) -> str:
    """How far two networks agree pair by pair under one noise, and one of them with itself under two noises."""
    methods = _shared_methods(of_first, of_second)
    ratios = [_ratios(results, column) for results in (of_first, of_second)]
    tau = kendalltau(*([of_network[method].value for method in methods] for of_network in ratios)).statistic
    noise, other_noise = sorted(of_first["seed"].unique())[:2]
    one, other = (of_first[of_first["seed"] == seed] for seed in (noise, other_noise))
    second = of_second[of_second["seed"] == noise]
    between_networks, between_noises = (_correlation(one, each, column) for each in (second, other))
    return (
        f"The order of these {len(methods)} methods agrees to Kendall's τ {tau:.2f}. Pair by pair, the ratio of "
        f"`{CLAIMED}` to `{REFERENCE}` correlates (Spearman) to {formats.correlation(between_networks)} between the "
        f"networks under the same noise, and to {formats.correlation(between_noises)} between two noises of the "
        "first network."
    )


def _conditions(second: SavedStudy, of_first: pd.DataFrame, of_second: pd.DataFrame) -> str:
    pairs, noises = of_second["pair"].nunique(), [results["seed"].nunique() for results in (of_first, of_second)]
    return (
        f"Is it one network's? {second.settings.model.name} (SHA-256 {second.model_sha256[:8]}…) has another denoiser, "
        f"trained as long from another seed (`miniature/MODEL_CARD.md`). On the same {pairs} pairs, with {noises[1]} "
        f"noise(s) a pair where the first had {noises[0]} ({describe_condition(second)}), PPL relative to "
        f"`{REFERENCE}`'s:"
    )


def _on_shared_pairs(*folders: Path) -> list[pd.DataFrame]:
    """Results of the pairs that differ and that all studies have, each pair by its number in the first study."""
    tables = [group_of(read_results(folder), DIFFERING) for folder in folders]
    prompts = [table["prompt_a"] + "\n" + table["prompt_b"] for table in tables]
    numbers = dict(zip(prompts[0], tables[0]["pair"], strict=True))
    shared = set.intersection(*map(set, prompts))
    return [
        table.assign(pair=of_table.map(numbers))[of_table.isin(shared)]
        for table, of_table in zip(tables, prompts, strict=True)
    ]


def _shared_methods(*tables: pd.DataFrame) -> list[str]:
    """In the first one's order, without the reference."""
    shared = set.intersection(*(set(table["method"]) for table in tables)) - {REFERENCE}
    return [method for method in dict.fromkeys(tables[0]["method"]) if method in shared]


def _ratios(results: pd.DataFrame, column: str) -> dict[str, Estimate]:
    return {compared.method: compared.ratio for compared in compare_methods(results, column, REFERENCE)}


def _correlation(x: pd.DataFrame, y: pd.DataFrame, column: str) -> Estimate:
    """Of the claimed method's ratio, over the pairs."""
    of_x, of_y = (by_pair(results, column) for results in (x, y))
    pairs = of_x.index.intersection(of_y.index)
    logs = [
        log_ratios(*(means.loc[pairs, [name]].to_numpy() for name in (CLAIMED, REFERENCE))) for means in (of_x, of_y)
    ]
    return correlation(*(each[:, 0] for each in logs), strata_of(x, pairs))
