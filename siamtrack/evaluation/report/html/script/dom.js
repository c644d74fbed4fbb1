// Elements, numbers and colours. Texts become text nodes: a name is never mark-up.

const report = JSON.parse(document.getElementById("data").textContent);
const COLORS = 8;
const DASHES = ["", "7 3", "2 3", "8 3 2 3"];

function fill(element, attributes, children) {
  for (const [name, value] of Object.entries(attributes)) {
    if (value === null || value === undefined) continue;
    if (name === "ink") element.style.stroke = value;
    else if (name === "paint") element.style.fill = value;
    else if (name.startsWith("on")) element.addEventListener(name.slice(2), value);
    else element.setAttribute(name, value);
  }
  element.append(...children.flat().filter((child) => child !== null && child !== undefined));
  return element;
}

function node(tag, attributes = {}, ...children) {
  return fill(document.createElement(tag), attributes, children);
}

function shape(tag, attributes = {}, ...children) {
  return fill(document.createElementNS("http://www.w3.org/2000/svg", tag), attributes, children);
}

function fixed(value, digits) {
  return value === null || value === undefined ? "–" : value.toFixed(digits);
}

function signed(value, digits) {
  if (value === null || value === undefined) return "–";
  return (value < 0 ? "−" : "+") + Math.abs(value).toFixed(digits);
}

function count(number, noun) {
  return `${number.toLocaleString("en")} ${noun}${number === 1 ? "" : "s"}`;
}

// A tracker keeps its colour everywhere on the page, whatever it is sorted by.
function color(tracker) {
  return `var(--t${report.trackers.indexOf(tracker) % COLORS})`;
}

function dash(tracker) {
  return DASHES[Math.floor(report.trackers.indexOf(tracker) / COLORS) % DASHES.length];
}

function swatch(tracker) {
  const line = shape("line", { x1: 1, x2: 19, y1: 5, y2: 5, ink: color(tracker), "stroke-width": 3.2, "stroke-dasharray": dash(tracker) });
  return shape("svg", { class: "swatch", width: 20, height: 10, "aria-hidden": "true" }, line);
}

function protocolTag(view, more = "") {
  return node("span", { class: "protocol" }, `${view.benchmark} · protocol `, node("b", {}, view.protocol.name), more);
}

function section(view, heading, ...content) {
  const title = node("div", { class: "title" }, node("h2", {}, heading), protocolTag(view));
  return node("section", {}, title, ...content);
}

function picker(labels, chosen, choose, name) {
  const chips = labels.map((label, i) =>
    node("button", { class: "chip", type: "button", "aria-pressed": String(i === chosen), onclick: () => pick(i) }, node("span", {}, label)));
  function pick(i) {
    chips.forEach((chip, j) => chip.setAttribute("aria-pressed", String(i === j)));
    choose(i);
  }
  return node("div", { class: "pick", role: "group", "aria-label": name }, chips);
}

// The metrics that can be shown of each of `parts` (attributes or sequences): ranked ones that any of them has.
function metricsOf(view, parts) {
  return view.metrics.filter((metric, m) => metric.ranked && parts.some((part) => part.values.some((values) => (values[m] ?? null) !== null)));
}
