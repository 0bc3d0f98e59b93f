/** All frames' clouds on a plane; a click on a point shows its image. */
function mapView(onPick) {
  const choice = element("select", { "aria-label": "view" });
  const title = element("p", { class: "ww-said" }, "drawn when all frames are there");
  const svg = drawn("svg", { viewBox: "0 0 300 220", class: "ww-map" });
  let seen = null;
  let points = []; // index of a frame, and its mark
  let here = 0;
  choice.addEventListener("change", draw);

  function draw() {
    const view = seen?.views[choice.value];
    points = [];
    svg.replaceChildren();
    if (!view) return;
    title.textContent = `${view.title}. Click a point.`;
    const all = Object.values(view.points).flat();
    const bounds = [0, 1].map((axis) => [Math.min(...all.map((p) => p[axis])), Math.max(...all.map((p) => p[axis]))]);
    const scale = Math.min(260 / (bounds[0][1] - bounds[0][0] || 1), 180 / (bounds[1][1] - bounds[1][0] || 1));
    const middle = bounds.map(([low, high]) => (low + high) / 2);
    const at = ([x, y]) => [150 + scale * (x - middle[0]), 110 - scale * (y - middle[1])];
    seen.methods.forEach((method) => {
      const places = (view.points[method] ?? []).map(at);
      svg.append(drawn("polyline", { points: places.join(" "), stroke: seen.colour(method), class: "ww-path" }));
      places.forEach(([cx, cy], index) => {
        const transform = `translate(${cx} ${cy}) scale(9)`; // the outline is about 1 wide
        const shape = drawn("path", { d: seen.styles[method].marker, transform, "vector-effect": "non-scaling-stroke" });
        shape.setAttribute("fill", seen.colour(method));
        shape.setAttribute("class", "ww-point");
        shape.append(drawn("title", {}, `${method}, t = ${seen.timeOf(method, index).toFixed(3)}`));
        shape.addEventListener("click", () => onPick(index));
        points.push([index, shape]);
        svg.append(shape);
      });
      const legs = seen.legs.length;
      if (places.length) {
        for (let leg = 0; leg <= legs; leg += 1) {
          const [x, y] = places[(leg * seen.last) / legs];
          svg.append(drawn("text", { x: x + 7, y: y - 7, class: "ww-letter" }, LETTERS[leg]));
        }
      }
    });
    mark();
  }
  function mark() {
    for (const [index, shape] of points) shape.classList.toggle("ww-here", index === here);
  }
  return {
    root: element("section", {}, element("h4", {}, "Map ", choice), title, svg),
    build(now) {
      seen = now;
      const before = choice.value;
      const views = Object.keys(seen.views).sort((a, b) => b.startsWith("wasserstein") - a.startsWith("wasserstein"));
      choice.replaceChildren(...views.map((view) => element("option", { value: view }, view)));
      if (before in seen.views) choice.value = before;
      title.textContent = "drawn when all frames are there";
      draw();
    },
    show(index) {
      here = index;
      mark();
    },
  };
}
