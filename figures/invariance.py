"""figures/invariance.json → figures/invariance.png: what the embedded model's output owes to the order of the rows."""

import json
from pathlib import Path

from analysis.pictures.invariance import draw_invariance

HERE = Path(__file__).parent

if __name__ == "__main__":
    records = json.loads((HERE / "invariance.json").read_text(encoding="utf-8"))
    draw_invariance(records).savefig(HERE / "invariance.png")
