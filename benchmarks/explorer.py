"""How long until there is something to see in JupyterLab? ``python -m benchmarks.explorer`` (needs chromium)

The explorer keeps frames in the page. Its rival is what one would write with ipywidgets alone: a slider whose callback
puts the frame's PNG into an ``Image``. Same frames, same page, interleaved.
"""

import tempfile
import time
from pathlib import Path
from statistics import median

import click
from rich.console import Console
from rich.table import Table

from tests.jupyter import LAPTOP, MINUTE, fill_prompt, run_only_cell, running_chromium, running_lab, wait_for_status

CODE = """
import ipywidgets
from IPython.display import display
from whichway.analysis.explorer import Explorer
from whichway.analysis.explorer.messages import as_png

explorer = Explorer(steps=10, methods=["optimal"])
display(explorer)
explorer.wait()
pngs = [as_png(frame) for frame in explorer.images()["optimal"]]
slider = ipywidgets.IntSlider(0, 0, len(pngs) - 1)
picture = ipywidgets.Image(value=pngs[0], width=200)
slider.observe(lambda change: setattr(picture, "value", pngs[change.new]), "value")
display(slider, picture)
"""
#: from a slider's new value to the painted picture, in milliseconds
OURS = """async (index) => {
  const slider = document.querySelector('.ww input[type=range]');
  const image = document.querySelector('.ww-viewer img');
  const begun = performance.now();
  slider.value = index;
  slider.dispatchEvent(new Event('input', { bubbles: true }));
  await image.decode();
  await new Promise((done) => requestAnimationFrame(() => requestAnimationFrame(done)));
  return performance.now() - begun;
}"""
RIVAL = """async () => {
  const handle = document.querySelector('.jupyter-widgets.widget-slider .noUi-handle');
  const image = document.querySelector('img.jupyter-widgets.widget-image');
  const before = image.src;
  const begun = performance.now();
  handle.dispatchEvent(new KeyboardEvent('keydown', { key: 'ArrowRight', bubbles: true }));
  while (image.src === before) {
    if (performance.now() - begun > 20000) throw new Error("the picture does not follow");
    await new Promise((done) => requestAnimationFrame(done));
  }
  await image.decode();
  await new Promise((done) => requestAnimationFrame(() => requestAnimationFrame(done)));
  return performance.now() - begun;
}"""
PAIRS = (("a cat on a yellow background", "a rocket at night"), ("an owl in the snow", "a lemon on a beach"))


@click.command()
def main() -> None:
    """Start-up, the first frame of new prompts, and the slider against one of ipywidgets."""
    table = Table("", "seconds", title="explorer")
    with tempfile.TemporaryDirectory() as folder, running_chromium() as chromium:
        page = chromium.new_page(viewport=LAPTOP)
        begun = time.perf_counter()
        with running_lab(Path(folder)) as lab:
            lab.open(page, lab.write_notebook("benchmark.ipynb", CODE))
            table.add_row("JupyterLab's start to a notebook whose cells run", f"{time.perf_counter() - begun:.1f}")
            begun = time.perf_counter()
            run_only_cell(page)
            page.wait_for_selector(".ww-cell img", timeout=2 * MINUTE)
            table.add_row("the cell's start to the first frame, imports and model included", _since(begun))
            wait_for_status(page, "all ")
            page.wait_for_selector("img.jupyter-widgets.widget-image", state="attached", timeout=MINUTE)
            times = [(page.evaluate(OURS, index) / 1000, page.evaluate(RIVAL) / 1000) for index in range(1, 17)]
            ours, rival = (median(each) for each in zip(*times, strict=True))
            table.add_row("slider to picture", f"{ours:.3f}")
            table.add_row(f"rival: ipywidgets' slider to picture ({rival / ours:.1f} × ours)", f"{rival:.3f}")
            table.add_row(
                "first frame of a new pair of prompts", f"{median(_first_frame(page, *p) for p in PAIRS):.2f}"
            )
    Console().print(table)


def _since(begun: float) -> str:
    return f"{time.perf_counter() - begun:.1f}"


def _first_frame(page, prompt_a: str, prompt_b: str) -> float:
    fill_prompt(page, "A", prompt_a)
    begun = time.perf_counter()
    fill_prompt(page, "B", prompt_b)
    page.wait_for_function("!document.querySelector('.ww-cell img')", timeout=MINUTE)  # the old ones are gone
    page.wait_for_selector(".ww-cell img", timeout=MINUTE)
    taken = time.perf_counter() - begun
    wait_for_status(page, "all ")
    return taken


if __name__ == "__main__":
    main()
