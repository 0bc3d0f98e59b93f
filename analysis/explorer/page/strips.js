/** Film strips, one for each method, and under them the perceptual steps with a cursor. */
function strips(onPick, onEnlarge) {
  const film = element("div", { class: "ww-film" });
  const letters = element("div", { class: "ww-keyframes", "aria-hidden": "true" });
  const curve = drawn("svg", { class: "ww-curve", preserveAspectRatio: "none", viewBox: "0 0 100 40", role: "img" });
  const cursor = drawn("line", { class: "ww-cursor", y1: 0, y2: 40 });
  const scale = element("span", { class: "ww-scale" });
  const inner = element("div", { class: "ww-strips" }, letters, film, element("div", { class: "ww-steps" }, scale, curve));
  const root = element("div", { class: "ww-scrolled" }, inner);
  let cells = {};
  let here = -1;
  return {
    root,
    build(seen) {
      cells = Object.fromEntries(seen.methods.map((method) => [method, []]));
      inner.style.setProperty("--ww-frames", seen.times.length);
      letters.replaceChildren(
        ...seen.keyframes.map((index, number) => {
          const letter = element("b", {}, LETTERS[number] ?? "+");
          letter.style.left = `${(100 * (index + 0.5)) / seen.times.length}%`;
          return letter;
        }),
      );
      film.replaceChildren(
        ...seen.methods.map((method) => {
          const strip = element("div", { class: "ww-strip", title: method });
          strip.style.borderColor = seen.colour(method);
          seen.times.forEach((_, index) => {
            const cell = element("button", {
              class: "ww-cell",
              onclick: () => (index === here ? onEnlarge(method) : onPick(index)),
            });
            cell.classList.toggle("ww-key", seen.keyframes.includes(index));
            cells[method].push(cell);
            strip.append(cell);
          });
          return strip;
        }),
      );
      this.retime(seen);
      this.steps(seen);
    },
    retime(seen) {
      for (const [method, row] of Object.entries(cells)) {
        row.forEach((cell, index) => {
          const at = `t = ${seen.timeOf(method, index).toFixed(3)}`;
          cell.title = `${method}, ${at}; click once more to enlarge`;
          cell.setAttribute("aria-label", `${method} at ${at}`);
        });
      }
    },
    frame(seen, method, index) {
      const cell = cells[method]?.[index];
      const image = cell?.querySelector("img");
      if (image) image.src = seen.frames[method][index];
      else cell?.append(frameImage({ src: seen.frames[method][index] }));
    },
    steps(seen) {
      const known = Object.values(seen.steps).flat().filter((step) => step !== null);
      const top = Math.max(...known, 1e-9) * 1.1;
      const marks = seen.methods.flatMap((method) => {
        const points = (seen.steps[method] ?? []).map((step, k) =>
          step === null ? null : [(100 * (k + 1)) / seen.times.length, 40 - (40 * step) / top],
        );
        const lines = points.slice(1).flatMap((point, k) => (point && points[k] ? [[points[k], point]] : []));
        const style = { stroke: seen.colour(method), "vector-effect": "non-scaling-stroke" };
        return [
          ...lines.map(([[x1, y1], [x2, y2]]) => drawn("line", { ...style, x1, y1, x2, y2, "stroke-width": 1.5 })),
          ...points.filter(Boolean).map(([x, y]) =>
            drawn("line", { ...style, x1: x, x2: x, y1: y, y2: y, "stroke-width": 6, "stroke-linecap": "round" }),
          ),
        ];
      });
      curve.replaceChildren(...marks, cursor);
      curve.setAttribute("aria-label", "perceptual step between consecutive frames, against t");
      scale.textContent = known.length ? `perceptual step, 0 to ${top.toFixed(2)}` : "perceptual step";
    },
    /** Whether cells are as small as it takes for all of them to be in sight; else they are as large as zoomed. */
    fit(fits) {
      inner.classList.toggle("ww-fit", fits);
    },
    show(seen, index) {
      here = index;
      const x = (100 * (index + 0.5)) / Math.max(seen.times.length, 1);
      cursor.setAttribute("x1", x);
      cursor.setAttribute("x2", x);
      for (const row of Object.values(cells)) row.forEach((cell, k) => cell.classList.toggle("ww-here", k === index));
      const shown = Object.values(cells)[0]?.[index];
      if (shown && root.scrollWidth > root.clientWidth) root.scrollLeft = shown.offsetLeft - (root.clientWidth - shown.offsetWidth) / 2;
    },
  };
}
