/** A prompt's field: one line high, a long prompt folded, until somebody writes in it. */
function promptText(letter, text, onChange = () => {}) {
  const area = element("textarea", { rows: 1, value: text, title: text, spellcheck: false, "aria-label": `prompt ${letter}` });
  const fold = () => {
    area.rows = 1;
    area.scrollTop = 0;
    area.classList.toggle("ww-folded", area.scrollHeight > 1.5 * area.clientHeight);
  };
  const unfold = () => {
    area.classList.remove("ww-folded");
    while (area.scrollHeight > area.clientHeight && area.rows < 12) area.rows += 1;
  };
  area.addEventListener("focus", unfold);
  area.addEventListener("input", unfold);
  area.addEventListener("blur", fold);
  area.addEventListener("change", () => onChange(area.value));
  new ResizeObserver(() => document.activeElement !== area && fold()).observe(area);
  return area;
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
    const addPrompt = (click) => {
      const letter = LETTERS[texts.length] ?? "+";
      const text = promptText(letter, "");
      const add = () => (text.value.trim() ? edit((all) => all.push(text.value)) : text.focus());
      const leave = () => showPrompts();
      text.addEventListener("keydown", (event) => event.key === "Enter" && !event.shiftKey && add());
      click.target.before(
        element(
          "span",
          { class: "ww-prompt" },
          element("b", {}, letter),
          text,
          element("button", { title: "go on to this prompt", onclick: add }, "render"),
          element("button", { title: "leave it out", onclick: leave }, "×"),
        ),
      );
      click.target.disabled = true; // one at a time
      text.focus();
    };
    prompts.replaceChildren(
      ...texts.map((text, index) =>
        element(
          "span",
          { class: "ww-prompt" },
          element("b", {}, LETTERS[index] ?? "+"),
          promptText(LETTERS[index] ?? index, text, (changed) => edit((all) => (all[index] = changed))),
          ...(texts.length > 2
            ? [element("button", { title: "remove this prompt", onclick: () => edit((all) => all.splice(index, 1)) }, "×")]
            : []),
        ),
      ),
      element("button", { class: "ww-quiet", onclick: addPrompt }, "+ prompt"),
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
  const number = (label, name, least, step, empty = "") => {
    const input = element("input", {
      type: "number",
      min: least,
      step,
      placeholder: empty,
      "aria-label": label,
      onchange: () => {
        if (empty && input.value === "" && !input.validity.badInput) {
          input.setCustomValidity("");
          set({ [name]: null });
          return;
        }
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
  const text = (label, name, none = "") => {
    const input = element("input", {
      type: "text",
      "aria-label": label,
      onchange: () => set({ [name]: input.value.trim() || none }),
    });
    const show = () => (input.value = model.get(name) ?? "");
    model.on(`change:${name}`, show);
    show();
    return element("label", {}, `${label} `, input);
  };

  const { methods, ground, tokens, parametrisation, pooled, schedulers, dtype } = model.get("choices");
  const first = choose("method", "methods", methods, (all) => all[0], (value) => [value, ...model.get("methods").slice(1)]);
  const second = choose(
    "beside",
    "methods",
    { "": "nothing beside it", ...methods },
    (all) => all[1] ?? "",
    (value) => [model.get("methods")[0], ...(value ? [value] : [])],
  );
  const pooledVector = choose("pooled vector", "pooled", pooled, (all) => all, (value) => value);
  pooledVector.classList.add("ww-pooled");
  pooledVector.hidden = true; // until the model is known to have one
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
      element("summary", {}, "model, seed, size, guidance …"),
      element(
        "div",
        { class: "ww-row" },
        text("model", "model"),
        choose("dtype", "dtype", dtype, (all) => all, (value) => value),
        number("seed", "seed", 0, 1),
        number("steps", "num_inference_steps", 1, 1, "model's"),
        number("guidance", "guidance_scale", 0, "any", "model's"),
        text("negative prompt", "negative_prompt", null),
        number("height", "height", 8, 1, "model's"),
        number("width", "width", 8, 1, "model's"),
        number("second pass's guidance (Flux)", "true_cfg_scale", 0, "any"),
        choose("scheduler", "scheduler", schedulers, (all) => all, (value) => value),
        number("frames", "frames", 2, 1),
        choose("frames are taken", "parametrisation", parametrisation, (all) => all, (value) => value),
        number("geodesic's iterations", "geodesic_iterations", 1, 1),
        choose("matched by", "ground", ground, (all) => all, (value) => value),
        choose("tokens", "tokens", tokens, (all) => all, (value) => value),
        pooledVector,
      ),
    ),
  );
}
