"""figures/census.json → figures/census.png: which denoisers of diffusers see their text as a measure?"""

import json
from pathlib import Path

from analysis.pictures.census import draw_census

HERE = Path(__file__).parent

if __name__ == "__main__":
    records = json.loads((HERE / "census.json").read_text(encoding="utf-8"))
    draw_census(records).savefig(HERE / "census.png")
