/** Measure → what its column is called: smoothness, then fidelity of the frames in between. */
const MEASURES = {
  ppl: "PPL",
  directness: "directness",
  curvature: "curvature",
  worst_step: "worst step",
  gini: "Gini",
  scene_confidence: "scene confidence",
  scene_agreement: "scene agreement",
  text_image_score: "text–image score",
};

/** Distances and measures, as they become known. */
function numbers() {
  const sentence = element("p", { class: "ww-distances" });
  const table = element("table");
  return {
    root: element("div", { class: "ww-numbers" }, sentence, table),
    show(seen) {
      sentence.replaceChildren(
        ...seen.legs.map(({ distances: d }, leg) => {
          const name = `${LETTERS[leg]} → ${LETTERS[leg + 1]}`;
          return element(
            "span",
            {},
            `${name}: W₂ ${short(d.wasserstein)} against RMS Frobenius ${short(d.rms_frobenius)}; the words alone ` +
              `${short(d.wasserstein_own_tokens)} against ${short(d.rms_frobenius_own_tokens)}; ` +
              `${(100 * d.share_moved).toFixed(0)} % of the rows move. `,
          );
        }),
      );
      const head = ["method", "length", ...Object.values(MEASURES)];
      const lengths = (method) => seen.legs.map((leg) => leg.lengths[method]);
      const total = (all) => (all.length && all.every((x) => x !== undefined) ? all.reduce((a, b) => a + b) : null);
      table.replaceChildren(
        element("tr", {}, ...head.map((name) => element("th", {}, name))),
        ...seen.methods.map((method, row) => {
          const measured = seen.measures[method] ?? {};
          const values = [total(lengths(method)), ...Object.keys(MEASURES).map((name) => measured[name])];
          const name = element("td", {}, method);
          name.style.color = COLOURS[row];
          return element("tr", {}, name, ...values.map((value) => element("td", {}, short(value))));
        }),
      );
    },
  };
}
