/** Buttons that ask the kernel for a file of what is seen. */
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
