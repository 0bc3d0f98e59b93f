// Frames at any size: smooth where they are shrunk, crisp where they are enlarged.

/** An image that chooses how it is scaled, whenever it or its place has another size. */
function frameImage(attributes) {
  const image = element("img", { alt: "", draggable: false, ...attributes });
  image.addEventListener("load", () => chooseScaling(image));
  watchedSizes.observe(image);
  return image;
}

const watchedSizes = new ResizeObserver((entries) => entries.forEach(({ target }) => chooseScaling(target)));

function chooseScaling(image) {
  if (!image.naturalWidth) return;
  const enlarged = image.clientWidth * window.devicePixelRatio > image.naturalWidth;
  image.style.imageRendering = enlarged ? "pixelated" : "auto";
}

/** One frame as large as the window; arrow keys go along the path, a click or Escape leaves. */
function enlargement(onMove) {
  const image = frameImage({ class: "ww-large" });
  const caption = element("figcaption");
  const figure = element("figure", {}, image, caption);
  const dialog = element("dialog", { class: "ww-enlarged", "aria-label": "one frame, enlarged", onclick: () => dialog.close() }, figure);
  let shown = "";
  dialog.addEventListener("keydown", (event) => {
    const move = { ArrowLeft: -1, ArrowRight: 1 }[event.key];
    if (!move) return;
    event.preventDefault();
    onMove(move);
  });
  return {
    root: dialog,
    open(method) {
      shown = method;
      dialog.showModal();
    },
    show(seen, index) {
      const nearest = seen.nearest(shown, index);
      if (!dialog.open || nearest < 0) return;
      image.src = seen.frames[shown][nearest];
      image.alt = caption.textContent = `${shown}, t = ${seen.timeOf(shown, nearest).toFixed(3)}`;
    },
  };
}
