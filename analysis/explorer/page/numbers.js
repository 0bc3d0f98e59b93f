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
        ...seen.legs.flatMap(({ clouds, vectors }, leg) => {
          const name = `${LETTERS[leg]} → ${LETTERS[leg + 1]}`;
          const ofClouds = clouds.map(
            (d) =>
              `${d.encoder ? `${name}, rows of ${d.encoder}` : name}: ` +
              `W₂ ${short(d.wasserstein)} against RMS Frobenius ${short(d.rms_frobenius)}; the words alone ` +
              `${short(d.wasserstein_own_tokens)} against ${short(d.rms_frobenius_own_tokens)}` +
              (d.share_moved === null ? ". " : `; ${(100 * d.share_moved).toFixed(0)} % of the rows move. `),
          );
          const ofVectors = vectors.map(
            (v) =>
              `The ${v.name} vectors are ${short(v.distance)} apart` +
              (v.angle === null ? ". " : `, at an angle of ${v.angle.toFixed(0)}°. `),
          );
          return [...ofClouds, ...ofVectors].map((text) => element("span", {}, text));
        }),
      );
      const encoders = (seen.legs[0]?.clouds ?? [{ encoder: "" }]).map((cloud) => cloud.encoder);
      const lengthHeads = encoders.map((encoder) => (encoder ? `length of ${encoder}` : "length"));
      const head = ["method", ...lengthHeads, ...Object.values(MEASURES)];
      const lengths = (method, encoder) =>
        seen.legs.map((leg) => leg.lengths.find((each) => each.method === method && each.encoder === encoder)?.length);
      const total = (all) => (all.length && all.every((x) => x !== undefined) ? all.reduce((a, b) => a + b) : null);
      table.replaceChildren(
        element("tr", {}, ...head.map((name) => element("th", {}, name))),
        ...seen.methods.map((method) => {
          const measured = seen.measures[method] ?? {};
          const totals = encoders.map((encoder) => total(lengths(method, encoder)));
          const values = [...totals, ...Object.keys(MEASURES).map((name) => measured[name])];
          const name = element("td", {}, methodMark(seen.styles[method]), method);
          return element("tr", {}, name, ...values.map((value) => element("td", {}, short(value))));
        }),
      );
    },
  };
}
