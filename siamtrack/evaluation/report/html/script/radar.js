// One spoke an attribute, one outline a tracker.

const MOST_LETTERS = 16; // of a line of a spoke's label

// A label in at most two lines, broken where its halves are most alike.
function broken(text) {
  const breaks = text.length > 11 ? [...text.matchAll(/[ -]/g)].map((m) => m.index) : [];
  const middle = (i) => Math.abs(i + 0.5 - text.length / 2);
  const at = breaks.sort((a, b) => middle(a) - middle(b))[0];
  const lines = at === undefined ? [text] : [text.slice(0, at + 1).trimEnd(), text.slice(at + 1)];
  return lines.map((line) => (line.length > MOST_LETTERS ? `${line.slice(0, MOST_LETTERS - 1)}…` : line));
}

function radar({ title, note, axes, series, digits }) {
  const plot = shape("svg", { class: "plot", role: "img", "aria-label": title });
  const figure = node("figure", { class: "chart card" }, node("figcaption", {}, node("h3", {}, title), node("span", {}, note)), plot);
  const tip = tipFor(figure);
  let size = 0, nearest = () => 0;
  const shown = () => series.filter((s) => !hidden.has(s.tracker));

  drawn(figure, (width) => {
    size = width;
    const labels = axes.map(broken), longest = Math.max(...labels.flat().map((line) => line.length));
    const radius = Math.max(60, Math.min(170, width / 2 - 18 - longest * 6)), height = 2 * radius + 88, cx = width / 2, cy = height / 2;
    const top = Math.max(...series.flatMap((s) => s.values.map((v) => v ?? 0)), 1e-9);
    const rings = ticks(0, top, 4), edge = Math.max(top, rings[rings.length - 1]);
    const angle = (i) => (i / axes.length) * 2 * Math.PI - Math.PI / 2;
    const at = (i, value) => [cx + Math.cos(angle(i)) * radius * (value / edge), cy + Math.sin(angle(i)) * radius * (value / edge)];
    const outline = (values) => `M${values.map((v, i) => at(i, v ?? 0).map((c) => c.toFixed(1)).join(" ")).join("L")}Z`;
    const parts = rings.filter((r) => r > 0).map((r) => shape("path", { class: "gridline", fill: "none", d: outline(axes.map(() => r)) }));
    axes.forEach((axis, i) => {
      const [x, y] = at(i, edge), [lx, ly] = at(i, edge * (1 + 14 / radius)), c = Math.cos(angle(i));
      parts.push(shape("line", { class: "gridline", x1: cx, y1: cy, x2: x, y2: y }));
      const anchor = Math.abs(c) < 0.2 ? "middle" : c > 0 ? "start" : "end", lines = labels[i];
      const rise = (lines.length - 1) * (7 + 7 * -Math.sin(angle(i))); // a label grows away from the middle
      lines.forEach((line, k) => parts.push(shape("text", { class: "tick", x: lx, y: ly + 4 - rise + 14 * k, "text-anchor": anchor }, line)));
    });
    rings.filter((r) => r > 0).forEach((r) => parts.push(shape("text", { class: "label", x: cx + 4, y: at(0, r)[1] + 12 }, String(r))));
    [...shown()].reverse().forEach((s, i, all) => parts.push(shape("path", {
      class: i === all.length - 1 ? "line first" : "line", d: outline(s.values), ink: color(s.tracker), "stroke-dasharray": dash(s.tracker),
    })));
    plot.setAttribute("viewBox", `0 0 ${width} ${height}`);
    plot.replaceChildren(...parts);
    nearest = (x, y) => {
      const turn = Math.atan2(y - cy, x - cx) + Math.PI / 2;
      return (Math.round((turn / (2 * Math.PI)) * axes.length) + axes.length) % axes.length;
    };
  });
  plot.addEventListener("pointermove", (event) => {
    const box = plot.getBoundingClientRect(), scale = size / box.width;
    const x = (event.clientX - box.left) * scale, i = nearest(x, (event.clientY - box.top) * scale);
    const rows = shown().filter((s) => s.values[i] !== null).sort((a, b) => b.values[i] - a.values[i]);
    tip.show(x, size, axes[i], rows.slice(0, 12).map((s) => [s.tracker, fixed(s.values[i], digits)]));
  });
  plot.addEventListener("pointerleave", tip.hide);
  return figure;
}
