/** The frame at t of each method, large; a click enlarges it. */
function viewer(onEnlarge) {
  const root = element("div", { class: "ww-viewer" });
  let figures = {};
  return {
    root,
    build(seen) {
      figures = {};
      root.replaceChildren(
        ...seen.methods.map((method) => {
          const image = frameImage({ alt: `${method} at t`, class: "ww-waiting" });
          // its own size is that of all frames, from which the page's sizes follow
          image.addEventListener("load", () => onSize(image));
          const enlarge = element(
            "button",
            { class: "ww-enlarge", title: "enlarge", "aria-label": `enlarge ${method}`, onclick: () => onEnlarge(method) },
            image,
          );
          figures[method] = image;
          return element("figure", {}, enlarge, element("figcaption", {}, methodMark(seen.styles[method]), method));
        }),
      );
    },
    show(seen, index) {
      for (const [method, image] of Object.entries(figures)) {
        const nearest = seen.nearest(method, index);
        const preview = seen.previewOf(method, index);
        if (preview || nearest >= 0) image.src = preview ?? seen.frames[method][nearest];
        image.classList.toggle("ww-waiting", nearest !== index && !preview);
        image.classList.toggle("ww-preview", Boolean(preview));
        image.title = preview ? "a preview: this frame is being rendered" : "";
        image.dataset.index = nearest;
      }
    },
  };
  function onSize({ naturalWidth, naturalHeight }) {
    const style = root.closest(".ww")?.style;
    style?.setProperty("--ww-side", `${naturalWidth / window.devicePixelRatio}px`);
    style?.setProperty("--ww-aspect", naturalWidth / naturalHeight);
  }
}
