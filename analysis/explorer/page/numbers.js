/** Distances and smoothness, as they become known. */
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
      const head = ["method", "length", "PPL", "directness", "worst step", "Gini"];
      const lengths = (method) => seen.legs.map((leg) => leg.lengths[method]);
      const total = (all) => (all.length && all.every((x) => x !== undefined) ? all.reduce((a, b) => a + b) : null);
      table.replaceChildren(
        element("tr", {}, ...head.map((name) => element("th", {}, name))),
        ...seen.methods.map((method, row) => {
          const smooth = seen.smoothness[method] ?? {};
          const values = [total(lengths(method)), smooth.ppl, smooth.directness, smooth.worst_step, smooth.gini];
          const name = element("td", {}, method);
          name.style.color = COLOURS[row];
          return element("tr", {}, name, ...values.map((value) => element("td", {}, short(value))));
        }),
      );
    },
  };
}
