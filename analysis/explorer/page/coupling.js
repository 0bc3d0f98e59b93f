/** Which token of A travels to which token of B; hovering over a token shows its own lines. */
function couplingView() {
  const choice = element("select", { "aria-label": "coupling of" });
  const said = element("p", { class: "ww-said" }, "hover over a token");
  const place = element("div", { class: "ww-coupling" });
  let seen = null;
  choice.addEventListener("change", draw);

  function draw() {
    const [leg, number] = choice.value.split(" ", 2).map(Number);
    const coupling = seen?.legs[leg]?.couplings[number];
    if (!coupling) {
      place.replaceChildren();
      return;
    }
    const row = 18;
    const height = row * Math.max(coupling.a.length, coupling.b.length) + 4;
    const svg = drawn("svg", { viewBox: `0 0 300 ${height}`, class: "ww-tokens" });
    const y = (index) => row * (index + 0.7);
    const lines = coupling.atoms.map(([from, to, mass]) =>
      drawn("line", {
        x1: 112, y1: y(from) - 4, x2: 188, y2: y(to) - 4, "stroke-opacity": Math.max(0.12, Math.min(mass, 1)), class: "ww-atom",
      }),
    );
    svg.append(...lines);
    const light = (side, index) => {
      const own = coupling.atoms.map((atom) => index !== null && atom[side] === index);
      lines.forEach((line, k) => line.classList.toggle("ww-lit", own[k]));
      const [here, there, sides] = side ? [coupling.b, coupling.a, "←"] : [coupling.a, coupling.b, "→"];
      const goes = coupling.atoms.filter((_, k) => own[k]);
      said.textContent =
        index === null
          ? `${(100 * coupling.share_moved).toFixed(0)} % of the rows change their place; hover over a token`
          : `${here[index]} ${sides} ` + goes.map((atom) => `${there[atom[1 - side]]} (${atom[2]})`).join(", ");
    };
    [coupling.a, coupling.b].forEach((tokens, side) =>
      tokens.forEach((token, index) => {
        const label = drawn(
          "text",
          { x: side ? 192 : 108, y: y(index), "text-anchor": side ? "start" : "end", class: "ww-token", tabindex: 0 },
          token,
        );
        for (const event of ["mouseenter", "focus"]) label.addEventListener(event, () => light(side, index));
        for (const event of ["mouseleave", "blur"]) label.addEventListener(event, () => light(side, null));
        svg.append(label);
      }),
    );
    place.replaceChildren(svg);
    light(0, null);
  }
  return {
    root: element("section", {}, element("h4", {}, "Coupling ", choice), said, place),
    build(now) {
      seen = now;
      const before = choice.selectedOptions[0]?.textContent;
      choice.replaceChildren(
        ...seen.legs.flatMap((leg, number) =>
          leg.couplings.map(({ method, encoder }, k) => {
            const name = [`${LETTERS[number]} → ${LETTERS[number + 1]}`, method, encoder].filter(Boolean).join(", ");
            return element("option", { value: `${number} ${k}`, selected: name === before }, name);
          }),
        ),
      );
      draw();
      if (!choice.options.length) said.textContent = "none of the chosen methods couples rows";
    },
  };
}
