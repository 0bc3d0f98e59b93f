/** The frame at t of each method, large. */
function viewer() {
  const root = element("div", { class: "ww-viewer" });
  let figures = {};
  return {
    root,
    build(methods, colourOf) {
      figures = {};
      root.replaceChildren(
        ...methods.map((method) => {
          const image = element("img", { alt: `${method} at t`, class: "ww-waiting", draggable: false });
          const caption = element("figcaption", {}, method);
          caption.style.color = colourOf(method);
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
