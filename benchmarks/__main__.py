"""All benchmarks, one after the other: ``python -m benchmarks``, a quarter of an hour."""

from benchmarks import compare_command, neighbours, pairwise, rendering, start_up

for benchmark in (start_up, pairwise, neighbours, rendering, compare_command):
    benchmark.main(standalone_mode=False)
