"""What README says was run: its Python runs, its pictures and packages exist; and it is short."""

import re
from pathlib import Path

ROOT = Path(__file__).parent.parent
README = (ROOT / "README.md").read_text(encoding="utf-8")


def test_the_ten_lines_run(capsys):
    (code,) = re.findall(r"```python\n(.*?)```", README, flags=re.DOTALL)
    assert len([line for line in code.splitlines() if line.strip()]) <= 12
    scope: dict = {}
    exec(compile(code, "README.md", "exec"), scope)
    assert scope["frames"].shape == (9, 64, 64, 3)
    printed = capsys.readouterr().out
    assert "≤" in printed
    assert "ppl" in printed


def test_pictures_and_links_exist():
    targets = re.findall(r"""(?:\]\(|src=")(?!https?:)([^)"#]+)""", README)
    assert len(targets) >= 5
    for target in targets:
        assert (ROOT / target).is_file(), target


def test_it_is_read_in_two_minutes():
    assert len(README.splitlines()) <= 80
