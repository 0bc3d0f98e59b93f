"""What is said of a second network: on the pairs that both have, with the methods that both have."""

import numpy as np
import pandas as pd
import pytest

from figures import networks

STRATA = ("0–1", "1–2")


def results_of(ratios, *, pairs=20, seeds=(0,), spread=0.1, seed=0):
    """PPL of methods at these ratios to identity's, which vary from pair to pair but not from noise to noise."""
    rng, noises, rows = np.random.default_rng(seed), np.random.default_rng(100), []
    for pair in range(pairs):
        factors = {method: ratio * np.exp(rng.normal(0, spread)) for method, ratio in ratios.items()}
        where = {"pair": pair, "prompt_a": f"a{pair}", "prompt_b": f"b{pair}", "stratum": STRATA[pair % 2]}
        for noise in seeds:
            base = noises.uniform(1, 2)
            rows += [
                where | {"seed": noise, "method": method, "ppl_lpips": base * factor}
                for method, factor in {"identity": 1.0, **factors}.items()
            ]
    return pd.DataFrame(rows)


def cells(line):
    return [cell.strip() for cell in line.strip("|").split("|")]


def test_the_claim_stands_by_stratum_and_the_other_methods_over_all_pairs():
    first = results_of({"optimal": 0.8, "slerp": 1.0, "mixture": 0.7}, spread=0)
    second = results_of({"mixture": 0.6, "optimal": 0.9}, spread=0)
    head, _, *lines = networks.table({"one": first, "two": second}, "ppl_lpips").splitlines()
    assert cells(head) == ["method", "network", "all", *STRATA]
    rows = {tuple(cells(line)[:2]): cells(line)[2:] for line in lines}
    assert list(rows) == [("`optimal`", "one"), ("`optimal`", "two"), ("`mixture`", "one"), ("`mixture`", "two")]
    assert [cell.split()[0] for cell in rows["`optimal`", "two"]] == ["0.90"] * 3
    assert [cell.split()[:1] for cell in rows["`mixture`", "two"]] == [["0.60"], [], []]


@pytest.mark.parametrize(("seed", "agrees"), [(0, True), (1, False)])
def test_networks_agree_pair_by_pair_where_a_pair_has_one_ratio_in_both(seed, agrees):
    ratios = {"optimal": 0.8, "mixture": 0.7}
    first = results_of(ratios, pairs=200, seeds=(0, 1))
    said = networks.agreement(first, results_of(ratios, pairs=200, seed=seed), "ppl_lpips")
    assert "these 2 methods agrees to Kendall's τ 1.00" in said
    assert said.endswith("and to 1.00 between two noises of the first network.")
    assert "between the networks under the same noise" in said
    between = float(said.partition("(Spearman) to ")[2].split()[0])
    assert between == 1 if agrees else abs(between) < 0.2


def test_only_pairs_that_both_studies_have_are_compared(monkeypatch, tmp_path):
    first, second = results_of({"optimal": 0.8}), results_of({"optimal": 0.9}, pairs=30)
    second = second[second["pair"] >= 10].assign(pair=lambda table: table["pair"] - 10)  # another order of the pairs
    tables = {tmp_path / "one": first, tmp_path / "two": second}
    monkeypatch.setattr(networks, "read_results", tables.get)
    shared = networks._on_shared_pairs(*tables)
    assert [sorted(table["prompt_a"].unique()) for table in shared] == [sorted(f"a{k}" for k in range(10, 20))] * 2
    assert [table["pair"].nunique() for table in shared] == [10, 10]
