// Elements of HTML and SVG. What a user typed is only ever set as text, never as HTML.

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

/** A method's marker in its colour, as in the figures: the names beside it are in the text's colour, to be read. */
function methodMark(style) {
  const svg = drawn("svg", { viewBox: "-0.7 -0.7 1.4 1.4", class: "ww-mark", "aria-hidden": "true" });
  svg.append(drawn("path", { d: style.marker, fill: style.colour }));
  return svg;
}

const short = (number) => (number === null || number === undefined ? "–" : number.toFixed(3));
