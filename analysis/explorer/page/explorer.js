// The explorer's page. It keeps every frame that it was sent: moving the slider asks nobody.
// State (seen.js) ← messages of the kernel → views; controls → traits of the model and messages to the kernel.

const HEARTBEAT = 3000; // ms between questions to the kernel
const PATIENCE = 9000; // ms without an answer before the page says so

function render({ model, el }) {
  const seen = new Seen();
  let index = 0;
  let answered = performance.now();
  let playing = null;
  let asked = null;

  const progress = element("progress", { max: 1, value: 0 });
  const status = element("span", { class: "ww-status", role: "status" }, "waiting for the kernel");
  const stop = element("button", { disabled: true, onclick: () => model.send({ kind: "cancel" }) }, "Stop");
  const again = element("button", { hidden: true, onclick: () => model.send({ kind: "explore" }) });
  const notice = element("p", { class: "ww-notice", hidden: true });
  const trouble = element("p", { class: "ww-error", role: "alert", hidden: true });
  const silence = element("p", { class: "ww-error", role: "alert", hidden: true });
  const marks = element("div", { class: "ww-marks" });
  const slider = element("input", { type: "range", min: 0, max: 1, step: 1, value: 0, "aria-label": "t" });
  const place = element("output", { class: "ww-t" });
  const play = element("button", { class: "ww-play", title: "play there and back", onclick: () => (playing ? halt() : start()) }, "▶");

  const large = enlargement((move) => goTo(index + move));
  const enlarge = (method) => {
    large.open(method);
    large.show(seen, index);
  };
  const picture = viewer(enlarge);
  const film = strips(goTo, enlarge);
  const table = numbers();
  const coupling = couplingView();
  const map = mapView(goTo);

  function goTo(wanted, { tell = true } = {}) {
    index = Math.max(0, Math.min(wanted, seen.last));
    slider.value = index;
    place.textContent = `t = ${(seen.times[index] ?? 0).toFixed(3)}`;
    picture.show(seen, index);
    film.show(seen, index);
    large.show(seen, index);
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
  function showMarks() {
    const prompts = model.get("prompts");
    marks.replaceChildren(
      ...seen.keyframes.map((at, number) => {
        const letter = LETTERS[number] ?? "+";
        const mark = element("button", { title: prompts[number], "aria-label": `to prompt ${letter}`, onclick: () => goTo(at) }, letter);
        mark.style.left = `${(100 * at) / seen.last}%`;
        return mark;
      }),
    );
  }
  const zoom = element(
    "select",
    { "aria-label": "zoom", onchange: () => applyZoom() },
    ...["fit", "1", "2", "4"].map((value) => element("option", { value }, value === "fit" ? "fit" : `${100 * value} %`)),
  );
  const applyZoom = () => {
    el.style.setProperty("--ww-zoom", zoom.value === "fit" ? 1 : zoom.value);
    film.fit(zoom.value === "fit");
    film.show(seen, index);
  };
  film.fit(true);
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
    paths({ times, keyframes, taken, styles }) {
      const methods = [...model.get("methods")];
      seen.clear(methods, times);
      Object.assign(seen, { keyframes, taken, styles });
      trouble.hidden = notice.hidden = true;
      slider.max = seen.last;
      showMarks();
      picture.build(seen);
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
      el.querySelector(".ww-pooled").hidden = !legs[0].vectors.length;
      table.show(seen);
      coupling.build(seen);
    },
    frame({ where }, [buffer]) {
      const url = URL.createObjectURL(new Blob([buffer], { type: "image/png" }));
      seen.keep(where, url);
      for (const [method, k] of where) film.frame(seen, method, k);
      picture.show(seen, index);
      large.show(seen, index);
      if (!seen.searching) sayProgress();
    },
    preview({ where }, [buffer]) {
      seen.preview(where, URL.createObjectURL(new Blob([buffer], { type: "image/png" })));
      picture.show(seen, index);
    },
    steps({ method, steps, measures }) {
      seen.steps[method] = steps;
      if (measures) seen.measures[method] = measures;
      film.steps(seen);
      film.show(seen, index);
      table.show(seen);
    },
    searched({ method, iteration, most, share }) {
      const energy = `energy ${(100 * share).toFixed(0)} % of the initial path's`;
      seen.searching = `${method}: iteration ${iteration} of at most ${most}, ${energy}`;
      say(seen.searching, { busy: true });
    },
    spreading({ method }) {
      say(`${method}: looking for times at which frames look equally far apart`, { busy: true });
    },
    retimed({ method, taken }) {
      seen.taken[method] = taken;
      film.retime(seen);
      goTo(index, { tell: false });
    },
    map({ views }) {
      seen.views = views;
      map.build(seen);
      map.show(index);
    },
    done() {
      progress.value = 1;
      say([`all ${seen.count()} frames are there`, seen.searching].filter(Boolean).join("; "));
    },
    cancelled() {
      seen.dropPreviews();
      picture.show(seen, index);
      say(`stopped; ${seen.count()} frames are there and stay`, { offer: "Go on" });
    },
    error({ text }) {
      seen.dropPreviews();
      picture.show(seen, index);
      trouble.textContent = text;
      trouble.hidden = false;
      progress.value = 0;
      say(seen.count() ? `${seen.count()} frames are there and stay` : "nothing to show yet", { offer: "Try again" });
    },
    refused({ text }) {
      trouble.textContent = text;
      trouble.hidden = false;
    },
    file({ suffix }, [buffer]) {
      trouble.hidden = true;
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
    if (event.key === "Enter" && !event.shiftKey && event.target.matches("input, textarea")) {
      event.preventDefault();
      event.target.blur(); // which is a change
    }
  });
  el.append(
    controls(model, [progress, status, stop, again], () => say("asking the kernel", { busy: true })),
    trouble,
    silence,
    notice,
    picture.root,
    element("div", { class: "ww-row ww-time" }, play, element("div", { class: "ww-slider" }, slider, marks), place, element("label", {}, "zoom ", zoom)),
    film.root,
    table.root,
    element("div", { class: "ww-panels" }, coupling.root, map.root),
    exporter(model, model.get("choices").exports),
    large.root,
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
