// A drawn map, and the prompts under the pointer. `element` is in elements.js.

const REACH = 9; // pixels around the pointer
const MOST = 6; // prompts that are shown of those within

function render({ model, el }) {
  const picture = element("img", { class: "ww-drawn-map", alt: "a map of prompts", draggable: false });
  const ring = element("div", { class: "ww-ring", hidden: true });
  const words = element("div", { class: "ww-hover", role: "status", hidden: true });
  const frame = element("div", { class: "ww-prompt-map" }, picture, ring, words);
  let url = null;

  function draw() {
    if (url) URL.revokeObjectURL(url);
    url = URL.createObjectURL(new Blob([model.get("picture")], { type: "image/png" }));
    picture.src = url;
  }

  function near(x, y) {
    const view = model.get("places"); // float32, x and y in turn, as shares of the picture
    const places = new Float32Array(view.buffer.slice(view.byteOffset, view.byteOffset + view.byteLength));
    const { width, height } = picture.getBoundingClientRect();
    const found = [];
    for (let index = 0; index < places.length / 2; index += 1) {
      const apart = Math.hypot(places[2 * index] * width - x, places[2 * index + 1] * height - y);
      if (apart <= REACH) found.push([apart, index]);
    }
    return found.sort((a, b) => a[0] - b[0]).map(([, index]) => index);
  }

  function hover(event) {
    const box = picture.getBoundingClientRect();
    const [x, y] = [event.clientX - box.left, event.clientY - box.top];
    const found = near(x, y);
    ring.hidden = words.hidden = !found.length;
    if (!found.length) return;
    const prompts = model.get("prompts");
    const lines = found.slice(0, MOST).map((index) => element("div", {}, prompts[index]));
    if (found.length > MOST) lines.push(element("div", { class: "ww-more" }, `and ${found.length - MOST} more here`));
    words.replaceChildren(...lines);
    Object.assign(ring.style, { left: `${x - REACH}px`, top: `${y - REACH}px` });
    const right = x > box.width / 2;
    Object.assign(words.style, {
      left: right ? "" : `${x + 14}px`,
      right: right ? `${box.width - x + 14}px` : "",
      top: `${y + 14}px`,
    });
  }

  picture.addEventListener("pointermove", hover);
  picture.addEventListener("pointerleave", () => (ring.hidden = words.hidden = true));
  model.on("change:picture", draw);
  el.append(frame);
  draw();
  return () => URL.revokeObjectURL(url);
}

export default { render };
