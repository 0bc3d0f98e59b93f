// The page of the explorer. It keeps every frame that it was sent: moving the slider asks nobody.
// Reading order: state ← messages of the kernel → views; controls → traits and messages to the kernel.
// What a user typed is only ever set as text, never as HTML.

const HEARTBEAT = 3000; // ms between questions to the kernel
const PATIENCE = 9000; // ms without an answer before the page says so
const COLOURS = ["#0072B2", "#E69F00"]; // first and second method: Okabe & Ito, as in the figures
const LETTERS = "ABCDEFGHIJKLMNOPQRSTUVWXYZ";
const SVG = "http://www.w3.org/2000/svg";

function element(tag, attributes = {}, ...children) {
  const made = document.createElement(tag);
  for (const [name, value] of Object.entries(attributes)) {
    if (name.startsWith("on")) made.addEventListener(name.slice(2), value);
    else if (name === "class") made.className = value;
    else if (name in made) made[name] = value;
    else made.setAttribute(name, value);
  }
  made.append(...children);
  return made;
}

function drawn(tag, attributes = {}, text = "") {
  const made = document.createElementNS(SVG, tag);
  for (const [name, value] of Object.entries(attributes)) made.setAttribute(name, value);
  if (text) made.textContent = text;
  return made;
}

const short = (number) => (number === null || number === undefined ? "–" : number.toFixed(3));

/** What the kernel has told so far. */
class Seen {
  constructor() {
    this.clear([], []);
  }
  clear(methods, times) {
    for (const urls of Object.values(this.frames ?? {})) urls.forEach((url) => URL.revokeObjectURL(url));
    this.methods = methods;
    this.times = times;
    this.frames = Object.fromEntries(methods.map((method) => [method, []])); // method → URL by index
    this.steps = {};
    this.smoothness = {};
    this.legs = [];
    this.views = {};
  }
  get last() {
    return this.times.length - 1;
  }
  count() {
    return Object.values(this.frames).reduce((sum, urls) => sum + urls.filter(Boolean).length, 0);
  }
  /** The index of the frame of a method nearest to index, -1 where there is none. */
  nearest(method, index) {
    const there = Object.keys(this.frames[method] ?? []).map(Number);
    return there.reduce((best, each) => (best < 0 || Math.abs(each - index) < Math.abs(best - index) ? each : best), -1);
  }
}

/** Prompts, methods and settings; every change is a change of the traits. What stands beside the methods is given. */
function controls(model, beside, onAsk) {
  const set = (values) => {
    onAsk();
    for (const [name, value] of Object.entries(values)) model.set(name, value);
    model.save_changes();
  };
  const prompts = element("div", { class: "ww-prompts" });
  function showPrompts() {
    const texts = model.get("prompts");
    const edit = (change) => {
      const changed = [...model.get("prompts")];
      change(changed);
      set({ prompts: changed });
    };
    prompts.replaceChildren(
      ...texts.map((text, index) =>
        element(
          "label",
          { class: "ww-prompt" },
          element("b", {}, LETTERS[index] ?? "+"),
          element("input", {
            type: "text",
            value: text,
            "aria-label": `prompt ${LETTERS[index] ?? index}`,
            onchange: (event) => edit((all) => (all[index] = event.target.value)),
          }),
          ...(texts.length > 2
            ? [element("button", { title: "remove this prompt", onclick: () => edit((all) => all.splice(index, 1)) }, "×")]
            : []),
        ),
      ),
      element("button", { class: "ww-quiet", onclick: () => edit((all) => all.push(all[0])) }, "+ prompt"),
    );
  }

  const choose = (label, name, choices, get, put) => {
    const select = element("select", { "aria-label": label, onchange: (event) => set({ [name]: put(event.target.value) }) });
    const show = () => {
      const chosen = get(model.get(name));
      const known = Object.entries(choices);
      if (chosen && !(chosen in choices)) known.push([chosen, ""]);
      select.replaceChildren(
        ...known.map(([value, summary]) => element("option", { value, title: summary, selected: value === chosen }, value)),
      );
      if (!chosen) select.prepend(element("option", { value: "", selected: true }, "–"));
      select.title = choices[chosen] ?? "";
    };
    model.on(`change:${name}`, show);
    show();
    return element("label", {}, `${label} `, select);
  };
  const number = (label, name, least, step) => {
    const input = element("input", {
      type: "number",
      min: least,
      step,
      "aria-label": label,
      onchange: () => {
        const value = Number(input.value);
        const wanted = step === 1 ? Number.isSafeInteger(value) : Number.isFinite(value);
        input.setCustomValidity(input.value !== "" && wanted ? "" : `${label}: wanted ${step === 1 ? "a whole number" : "a number"}`);
        if (input.reportValidity()) set({ [name]: value });
      },
    });
    const show = () => (input.value = model.get(name));
    model.on(`change:${name}`, show);
    show();
    return element("label", {}, `${label} `, input);
  };
  const text = (label, name) => {
    const input = element("input", {
      type: "text",
      "aria-label": label,
      onchange: () => set({ [name]: input.value.trim() }),
    });
    const show = () => (input.value = model.get(name));
    model.on(`change:${name}`, show);
    show();
    return element("label", {}, `${label} `, input);
  };

  const { methods, ground, tokens } = model.get("choices");
  const first = choose("method", "methods", methods, (all) => all[0], (value) => [value, ...model.get("methods").slice(1)]);
  const second = choose(
    "beside",
    "methods",
    { "": "nothing beside it", ...methods },
    (all) => all[1] ?? "",
    (value) => [model.get("methods")[0], ...(value ? [value] : [])],
  );
  model.on("change:prompts", showPrompts);
  showPrompts();
  return element(
    "div",
    { class: "ww-controls" },
    prompts,
    element("div", { class: "ww-row" }, first, second, ...beside),
    element(
      "details",
      {},
      element("summary", {}, "model, seed, guidance …"),
      element(
        "div",
        { class: "ww-row" },
        text("model", "model"),
        number("seed", "seed", 0, 1),
        number("steps", "steps", 1, 1),
        number("guidance", "guidance", 0, "any"),
        number("frames", "frames", 2, 1),
        choose("matched by", "ground", ground, (all) => all, (value) => value),
        choose("tokens", "tokens", tokens, (all) => all, (value) => value),
      ),
    ),
  );
}

/** The frame at t of each method, large. */
function viewer() {
  const root = element("div", { class: "ww-viewer" });
  let figures = {};
  return {
    root,
    build(methods) {
      figures = {};
      root.replaceChildren(
        ...methods.map((method, index) => {
          const image = element("img", { alt: `${method} at t`, class: "ww-waiting", draggable: false });
          const caption = element("figcaption", {}, method);
          caption.style.color = COLOURS[index];
          figures[method] = image;
          return element("figure", {}, image, caption);
        }),
      );
    },
    show(seen, index) {
      for (const [method, image] of Object.entries(figures)) {
        const nearest = seen.nearest(method, index);
        if (nearest >= 0) image.src = seen.frames[method][nearest];
        image.classList.toggle("ww-waiting", nearest !== index);
        image.dataset.index = nearest;
      }
    },
  };
}

/** Film strips, one for each method, and under them the perceptual steps with a cursor. */
function strips(onPick) {
  const film = element("div", { class: "ww-film" });
  const curve = drawn("svg", { class: "ww-curve", preserveAspectRatio: "none", viewBox: "0 0 100 40", role: "img" });
  const cursor = drawn("line", { class: "ww-cursor", y1: 0, y2: 40 });
  const scale = element("span", { class: "ww-scale" });
  const root = element("div", { class: "ww-strips" }, film, element("div", { class: "ww-steps" }, scale, curve));
  let cells = {};
  return {
    root,
    build(seen) {
      cells = Object.fromEntries(seen.methods.map((method) => [method, []]));
      root.style.setProperty("--ww-frames", seen.times.length);
      film.replaceChildren(
        ...seen.methods.map((method, row) => {
          const strip = element("div", { class: "ww-strip", title: method });
          strip.style.borderColor = COLOURS[row];
          seen.times.forEach((t, index) => {
            const cell = element("button", {
              class: "ww-cell",
              title: `${method}, t = ${t.toFixed(3)}`,
              "aria-label": `${method} at t = ${t.toFixed(3)}`,
              onclick: () => onPick(index),
            });
            cells[method].push(cell);
            strip.append(cell);
          });
          return strip;
        }),
      );
      this.steps(seen);
    },
    frame(seen, method, index) {
      const image = element("img", { src: seen.frames[method][index], alt: "", draggable: false });
      cells[method]?.[index]?.replaceChildren(image);
    },
    steps(seen) {
      const known = Object.values(seen.steps).flat().filter((step) => step !== null);
      const top = Math.max(...known, 1e-9) * 1.1;
      const marks = seen.methods.flatMap((method, row) => {
        const points = (seen.steps[method] ?? []).map((step, k) =>
          step === null ? null : [(100 * (k + 1)) / seen.times.length, 40 - (40 * step) / top],
        );
        const lines = points.slice(1).flatMap((point, k) => (point && points[k] ? [[points[k], point]] : []));
        const style = { stroke: COLOURS[row], "vector-effect": "non-scaling-stroke" };
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
    show(seen, index) {
      const x = (100 * (index + 0.5)) / Math.max(seen.times.length, 1);
      cursor.setAttribute("x1", x);
      cursor.setAttribute("x2", x);
      for (const row of Object.values(cells)) row.forEach((cell, k) => cell.classList.toggle("ww-here", k === index));
    },
  };
}

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

/** Which token of A travels to which token of B; hovering over a token shows its own lines. */
function couplingView() {
  const choice = element("select", { "aria-label": "coupling of" });
  const said = element("p", { class: "ww-said" }, "hover over a token");
  const place = element("div", { class: "ww-coupling" });
  let seen = null;
  choice.addEventListener("change", draw);

  function draw() {
    const [leg, method] = choice.value.split(" ", 2);
    const coupling = seen?.legs[Number(leg)]?.couplings[method];
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
      const before = choice.value;
      choice.replaceChildren(
        ...seen.legs.flatMap((leg, number) =>
          Object.keys(leg.couplings).map((method) =>
            element("option", { value: `${number} ${method}` }, `${LETTERS[number]} → ${LETTERS[number + 1]}, ${method}`),
          ),
        ),
      );
      if ([...choice.options].some((option) => option.value === before)) choice.value = before;
      draw();
      if (!choice.options.length) said.textContent = "none of the chosen methods couples rows";
    },
  };
}

/** All frames' clouds on a plane; a click on a point shows its image. */
function mapView(onPick) {
  const choice = element("select", { "aria-label": "view" });
  const title = element("p", { class: "ww-said" }, "drawn when all frames are there");
  const svg = drawn("svg", { viewBox: "0 0 300 220", class: "ww-map" });
  let seen = null;
  let points = [];
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
    seen.methods.forEach((method, row) => {
      const way = (view.points[method] ?? []).map(at);
      svg.append(drawn("polyline", { points: way.join(" "), stroke: COLOURS[row], class: "ww-way" }));
      way.forEach(([cx, cy], index) => {
        const shape = row
          ? drawn("rect", { x: cx - 4, y: cy - 4, width: 8, height: 8 })
          : drawn("circle", { cx, cy, r: 4.5 });
        shape.setAttribute("fill", COLOURS[row]);
        shape.setAttribute("class", "ww-point");
        shape.append(drawn("title", {}, `${method}, t = ${seen.times[index].toFixed(3)}`));
        shape.addEventListener("click", () => onPick(index));
        points.push([index, shape]);
        svg.append(shape);
      });
      const legs = seen.legs.length;
      if (way.length) {
        for (let leg = 0; leg <= legs; leg += 1) {
          const [x, y] = way[(leg * seen.last) / legs];
          svg.append(drawn("text", { x: x + 7, y: y - 7, class: "ww-letter" }, LETTERS[leg]));
        }
      }
    });
  }
  return {
    root: element("section", {}, element("h4", {}, "Map ", choice), title, svg),
    build(now) {
      seen = now;
      const before = choice.value;
      choice.replaceChildren(...["wasserstein", "frobenius"].filter((view) => view in seen.views).map((view) => element("option", { value: view }, view)));
      if (before in seen.views) choice.value = before;
      title.textContent = "drawn when all frames are there";
      draw();
    },
    show(index) {
      for (const [each, shape] of points) shape.classList.toggle("ww-here", each === index);
    },
  };
}

function exporter(model, files) {
  const pingPong = element("input", { type: "checkbox", checked: true });
  const rate = element("input", { type: "number", value: 12, min: 1, max: 60, step: 1, "aria-label": "frames a second" });
  return element(
    "div",
    { class: "ww-row ww-exports" },
    "Save as ",
    ...Object.entries(files).map(([suffix, summary]) =>
      element(
        "button",
        {
          title: summary,
          onclick: () => model.send({ kind: "export", suffix, fps: Number(rate.value) || 12, ping_pong: pingPong.checked }),
        },
        suffix.slice(1).toUpperCase(),
      ),
    ),
    element("label", {}, rate, " frames a second"),
    element("label", {}, pingPong, " there and back"),
  );
}

function save(bytes, suffix) {
  const url = URL.createObjectURL(new Blob([bytes]));
  const link = element("a", { href: url, download: `which-way${suffix}` });
  document.body.append(link);
  link.click();
  link.remove();
  setTimeout(() => URL.revokeObjectURL(url), 10000);
}

function render({ model, el }) {
  const seen = new Seen();
  let index = 0;
  let answered = performance.now();
  let playing = null;
  let asked = null;

  const progress = element("progress", { max: 1, value: 0 });
  const status = element("span", { class: "ww-status", role: "status" }, "waiting for the kernel");
  const stop = element("button", { disabled: true, onclick: () => model.send({ kind: "cancel" }) }, "Stop");
  const again = element("button", { hidden: true, onclick: () => model.send({ kind: "walk" }) });
  const notice = element("p", { class: "ww-notice", hidden: true });
  const trouble = element("p", { class: "ww-error", role: "alert", hidden: true });
  const silence = element("p", { class: "ww-error", role: "alert", hidden: true });
  const slider = element("input", { type: "range", min: 0, max: 1, step: 1, value: 0, "aria-label": "t" });
  const place = element("output", { class: "ww-t" });
  const play = element("button", { class: "ww-play", title: "play there and back", onclick: () => (playing ? halt() : start()) }, "▶");

  const picture = viewer();
  const film = strips(goTo);
  const table = numbers();
  const coupling = couplingView();
  const map = mapView(goTo);

  function goTo(wanted, { tell = true } = {}) {
    index = Math.max(0, Math.min(wanted, seen.last));
    slider.value = index;
    place.textContent = `t = ${(seen.times[index] ?? 0).toFixed(3)}`;
    picture.show(seen, index);
    film.show(seen, index);
    map.show(index);
    if (tell) tellSoon();
  }
  function tellSoon() {
    asked ??= setTimeout(() => {
      asked = null;
      if (seen.times.length && model.get("t") !== seen.times[index]) {
        model.set("t", seen.times[index]);
        model.save_changes();
      }
    }, 150);
  }
  slider.addEventListener("input", () => {
    halt();
    goTo(Number(slider.value));
  });

  function start() {
    let direction = 1;
    play.textContent = "❚❚";
    playing = setInterval(() => {
      if (index + direction > seen.last || index + direction < 0) direction = -direction;
      goTo(index + direction, { tell: false });
    }, 1000 / 12);
  }
  function halt() {
    clearInterval(playing);
    playing = null;
    play.textContent = "▶";
  }

  function say(text, { busy = false, offer = "" } = {}) {
    status.textContent = text;
    stop.disabled = !busy;
    again.hidden = !offer;
    again.textContent = offer;
    el.dataset.state = busy ? "busy" : "idle";
  }
  function sayProgress() {
    const wanted = seen.methods.length * seen.times.length;
    progress.value = wanted ? seen.count() / wanted : 0;
    say(`${seen.count()} of ${wanted} frames`, { busy: true });
  }

  const hear = {
    pong() {},
    loading({ text }) {
      trouble.hidden = notice.hidden = true;
      progress.removeAttribute("value");
      say(text, { busy: true });
    },
    walk({ times, legs }) {
      const methods = [...model.get("methods")];
      seen.clear(methods, times);
      trouble.hidden = notice.hidden = true;
      slider.max = seen.last;
      picture.build(methods);
      film.build(seen);
      table.show(seen);
      coupling.build(seen);
      map.build(seen);
      goTo(Math.round(model.get("t") * seen.last), { tell: false });
      sayProgress();
    },
    notice({ text }) {
      notice.textContent = text;
      notice.hidden = false;
    },
    geometry({ legs }) {
      seen.legs = legs;
      table.show(seen);
      coupling.build(seen);
    },
    frame({ where }, [buffer]) {
      const url = URL.createObjectURL(new Blob([buffer], { type: "image/png" }));
      for (const [method, k] of where) {
        seen.frames[method][k] = url;
        film.frame(seen, method, k);
      }
      picture.show(seen, index);
      sayProgress();
    },
    steps({ method, steps, smoothness }) {
      seen.steps[method] = steps;
      if (smoothness) seen.smoothness[method] = smoothness;
      film.steps(seen);
      film.show(seen, index);
      table.show(seen);
    },
    map({ views }) {
      seen.views = views;
      map.build(seen);
      map.show(index);
    },
    done() {
      say(`all ${seen.count()} frames are there`);
    },
    cancelled() {
      say(`stopped; ${seen.count()} frames are there and stay`, { offer: "Go on" });
    },
    error({ text }) {
      trouble.textContent = text;
      trouble.hidden = false;
      progress.value = 0;
      say(seen.count() ? `${seen.count()} frames are there and stay` : "nothing to show yet", { offer: "Try again" });
    },
    file({ suffix }, [buffer]) {
      save(buffer, suffix);
    },
  };
  const listen = (content, buffers) => {
    answered = performance.now();
    silence.hidden = true;
    hear[content.kind]?.(content, (buffers ?? []).map((each) => each.buffer ?? each));
  };
  model.on("msg:custom", listen);
  const follow = () => {
    const wanted = Math.round(model.get("t") * seen.last);
    if (asked === null && wanted !== index) goTo(wanted, { tell: false });
  };
  model.on("change:t", follow);

  function ask() {
    try {
      model.send({ kind: "ping" });
    } catch {
      answered = -Infinity;
    }
    if (performance.now() - answered > PATIENCE) {
      silence.textContent =
        "The kernel does not answer: it is busy with another cell, or it has died. What was rendered stays here; " +
        "if it was restarted, run the cell again: its frames are on disk and come back at once.";
      silence.hidden = false;
    }
  }
  const heartbeat = setInterval(ask, HEARTBEAT);

  el.classList.add("ww");
  el.dataset.lmSuppressShortcuts = "true"; // JupyterLab's: keys typed here are no commands to the notebook
  el.addEventListener("keydown", (event) => {
    event.stopPropagation();
    if (event.key === "Enter" && event.target.matches("input")) event.target.blur(); // which is a change
  });
  el.append(
    controls(model, [progress, status, stop, again], () => say("asking the kernel", { busy: true })),
    trouble,
    silence,
    notice,
    picture.root,
    element("div", { class: "ww-row ww-time" }, play, slider, place),
    film.root,
    table.root,
    element("div", { class: "ww-panels" }, coupling.root, map.root),
    exporter(model, model.get("choices").exports),
  );
  model.send({ kind: "hello" });
  return () => {
    halt();
    clearInterval(heartbeat);
    clearTimeout(asked);
    model.off("msg:custom", listen);
    model.off("change:t", follow);
    seen.clear([], []);
  };
}

export default { render };
