// Line charts over a common x grid: drawn at the width they have, read off by pointer or arrow keys.

const hidden = new Set(); // trackers switched off in the legend
const redraws = new Set(); // of every chart on the page

function ticks(low, high, most) {
  const rough = (high - low) / most;
  const power = 10 ** Math.floor(Math.log10(rough));
  const step = [1, 2, 2.5, 5, 10].map((m) => m * power).find((s) => s >= rough * 0.999);
  const found = [];
  for (let t = Math.ceil(low / step - 1e-9) * step; t <= high + step * 1e-6; t += step) found.push(Number(t.toPrecision(10)));
  return found;
}

function pathOf(xs, ys, sx, sy) {
  let path = "", open = false;
  ys.forEach((y, i) => {
    if (y === null) { open = false; return; }
    path += `${open ? "L" : "M"}${sx(xs[i]).toFixed(1)} ${sy(y).toFixed(1)}`;
    open = true;
  });
  return path;
}

// What follows the pointer: values under it, the best first.
function tipFor(figure) {
  const tip = node("div", { class: "tip", hidden: "" });
  figure.append(tip);
  return {
    show(x, width, title, rows) {
      tip.replaceChildren(node("b", {}, title), ...rows.map(([tracker, text]) =>
        node("div", {}, swatch(tracker), node("span", {}, tracker), node("strong", {}, text))));
      tip.hidden = false;
      const place = x + 18 + tip.offsetWidth > width ? x - 14 - tip.offsetWidth : x + 18;
      tip.style.left = `${Math.max(4, place)}px`;
      tip.style.top = "46px";
    },
    hide() { tip.hidden = true; },
  };
}

function plotHeight(width) {
  return Math.round(Math.max(230, Math.min(320, width * 0.78)));
}

// Calls `draw(width)` now, when the width changes and when a tracker is switched on or off.
function drawn(figure, draw) {
  let width = 0;
  const redraw = () => {
    if (figure.isConnected && width) draw(width);
  };
  redraws.forEach((other) => other.stale() && redraws.delete(other));
  redraw.stale = () => width > 0 && !figure.isConnected;
  redraws.add(redraw);
  new ResizeObserver(() => {
    const style = getComputedStyle(figure);
    const now = Math.floor(figure.clientWidth - parseFloat(style.paddingLeft) - parseFloat(style.paddingRight));
    if (now > 0 && now !== width) { width = now; redraw(); }
  }).observe(figure);
}

// chart: title, note, xs, series [{tracker, ys}], x and y {label, low, high}, at (a marked x), marks (x positions),
// read (x -> title of the tip), height (of a width), point (called with the index under the pointer).
function lineChart(chart) {
  const plot = shape("svg", { class: "plot", role: "img", tabindex: 0, "aria-label": `${chart.title}; arrow keys read values` });
  const caption = node("figcaption", {}, node("h3", {}, chart.title), node("span", {}, chart.note));
  const figure = node("figure", { class: chart.class ?? "chart card" }, caption, plot);
  const tip = tipFor(figure);
  const pad = { left: 40, right: 12, top: 22, bottom: 38 };
  let size = { width: 0, height: 0 }, index = null;
  const { low, high } = chart.x;
  const top = chart.y.high;
  const sx = (x) => pad.left + ((x - low) / (high - low || 1)) * (size.width - pad.left - pad.right);
  const sy = (y) => pad.top + (1 - Math.min(y, top) / top) * (size.height - pad.top - pad.bottom);
  const shown = () => chart.series.filter((s) => !hidden.has(s.tracker));
  const cursor = shape("g", {});

  function draw(width) {
    size = { width, height: chart.height(width) };
    plot.setAttribute("viewBox", `0 0 ${size.width} ${size.height}`);
    const base = size.height - pad.bottom, right = size.width - pad.right;
    const parts = [];
    for (const t of ticks(0, top, 5)) {
      parts.push(shape("line", { class: "gridline", x1: pad.left, x2: right, y1: sy(t), y2: sy(t) }));
      parts.push(shape("text", { class: "tick", x: pad.left - 7, y: sy(t) + 4, "text-anchor": "end" }, String(t)));
    }
    for (const t of ticks(low, high, Math.max(4, Math.floor(width / 64)))) {
      parts.push(shape("text", { class: "tick", x: sx(t), y: base + 19, "text-anchor": "middle" }, String(t)));
    }
    parts.push(shape("line", { class: "axis", x1: pad.left, x2: right, y1: base, y2: base }));
    parts.push(shape("text", { class: "label", x: right, y: size.height - 4, "text-anchor": "end" }, chart.x.label));
    parts.push(shape("text", { class: "label", x: 2, y: 11 }, chart.y.label));
    if (chart.band) {
      const [from, to] = chart.band.map(sx);
      parts.unshift(shape("rect", { class: "band", x: from, width: Math.max(0, Math.min(to, right) - from), y: pad.top, height: base - pad.top }));
    }
    if (chart.at !== null && chart.at !== undefined) {
      parts.push(shape("line", { class: "marker", x1: sx(chart.at), x2: sx(chart.at), y1: pad.top, y2: base }));
    }
    [...shown()].reverse().forEach((s, i, all) => parts.push(shape("path", {
      class: i === all.length - 1 ? "line first" : "line", d: pathOf(chart.xs, s.ys, sx, sy), ink: color(s.tracker), "stroke-dasharray": dash(s.tracker),
    })));
    (chart.marks ? chart.marks() : []).forEach(({ x, tracker }) => parts.push(shape("path", {
      d: `M${sx(x)} ${base} l-5 8 h10 z`, paint: color(tracker),
    })));
    plot.replaceChildren(...parts, cursor);
    if (index !== null) point(index, false);
  }

  function point(i, tell = true) {
    index = i;
    const x = sx(chart.xs[i]);
    const rows = shown().filter((s) => s.ys[i] !== null).sort((a, b) => b.ys[i] - a.ys[i]);
    cursor.replaceChildren(
      shape("line", { class: "cursor", x1: x, x2: x, y1: pad.top, y2: size.height - pad.bottom }),
      ...rows.map((s) => shape("circle", { class: "dot", cx: x, cy: sy(s.ys[i]), r: 4, paint: color(s.tracker) })));
    if (tell) {
      tip.show(x, size.width, chart.read(chart.xs[i]), rows.slice(0, 12).map((s) => [s.tracker, fixed(s.ys[i], 3)]));
      chart.point?.(i);
    }
  }
  function leave() { index = null; cursor.replaceChildren(); tip.hide(); }

  plot.addEventListener("pointermove", (event) => {
    const box = plot.getBoundingClientRect();
    const x = ((event.clientX - box.left) / box.width) * size.width;
    const share = (x - pad.left) / (size.width - pad.left - pad.right);
    point(Math.max(0, Math.min(chart.xs.length - 1, Math.round(share * (chart.xs.length - 1)))));
  });
  plot.addEventListener("pointerleave", leave);
  plot.addEventListener("blur", leave);
  plot.addEventListener("keydown", (event) => {
    const step = { ArrowRight: 1, ArrowLeft: -1 }[event.key];
    if (!step) return;
    event.preventDefault();
    point(Math.max(0, Math.min(chart.xs.length - 1, (index ?? (step > 0 ? -1 : chart.xs.length)) + step)));
  });
  drawn(figure, draw);
  return figure;
}

const LETTER = 7.4; // px a letter of a name takes, about

function short(number) {
  const [value, unit] = number >= 1e6 ? [number / 1e6, "M"] : number >= 1e3 ? [number / 1e3, "k"] : [number, ""];
  return Number(value.toPrecision(2)) + unit;
}

// Ticks of a logarithmic axis, as [logarithm, text]: every power of ten, or 1, 2, 5 where there are few.
function decades(low, high) {
  const found = [];
  for (let e = Math.floor(low); e <= high; e += 1) {
    for (const m of high - low > 1.6 ? [1] : [1, 2, 5]) found.push([e + Math.log10(m), short(m * 10 ** e)]);
  }
  return found.filter(([at]) => at >= low - 1e-9 && at <= high + 1e-9);
}

// A point a tracker, as speed against a score (x logarithmic) or robustness against accuracy (linear, 0 to 1): the only chart whose x differs from tracker to tracker.
function scatter(chart) {
  const plot = shape("svg", { class: "plot", role: "img", "aria-label": chart.title });
  const figure = node("figure", { class: `chart card ${chart.linear ? "" : "speed"}` }, node("figcaption", {}, node("h3", {}, chart.title), node("span", {}, chart.note)), plot);
  drawn(figure, (width) => {
    const height = chart.linear ? plotHeight(width) : Math.min(300, Math.max(220, width * 0.42)), pad = { left: 44, right: 16, top: 22, bottom: 40 };
    const points = chart.points.filter((p) => !hidden.has(p.tracker));
    plot.setAttribute("viewBox", `0 0 ${width} ${height}`);
    plot.replaceChildren();
    if (!points.length) return;
    const spots = points.map((p) => (chart.linear ? p.x : Math.log10(p.x))), best = Math.max(...points.map((p) => p.y));
    const low = chart.linear ? 0 : Math.floor(Math.min(...spots) * 2 - 0.2) / 2;
    const high = chart.linear ? 1 : Math.ceil(Math.max(...spots) * 2 + 0.2) / 2;
    const sx = (v) => pad.left + ((v - low) / (high - low)) * (width - pad.left - pad.right);
    const top = chart.linear ? 1 : best * 1.12 || 1, sy = (v) => pad.top + (1 - v / top) * (height - pad.top - pad.bottom), base = height - pad.bottom;
    for (const t of ticks(0, top, 4)) {
      plot.append(shape("line", { class: "gridline", x1: pad.left, x2: width - pad.right, y1: sy(t), y2: sy(t) }),
        shape("text", { class: "tick", x: pad.left - 7, y: sy(t) + 4, "text-anchor": "end" }, String(t)));
    }
    for (const [at, text] of chart.linear ? ticks(low, high, 5).map((t) => [t, String(t)]) : decades(low, high)) {
      plot.append(shape("text", { class: "tick", x: sx(at), y: base + 17, "text-anchor": "middle" }, text));
    }
    if (chart.yLabel) plot.append(shape("text", { class: "label", x: 2, y: 11 }, chart.yLabel));
    plot.append(shape("line", { class: "axis", x1: pad.left, x2: width - pad.right, y1: base, y2: base }),
      shape("text", { class: "label", x: width - pad.right, y: height - 4, "text-anchor": "end" }, chart.xLabel));
    const dots = points.map((p, i) => ({ tracker: p.tracker, x: sx(spots[i]), y: sy(p.y) }));
    const taken = dots.map((dot) => [dot.x - 7, dot.x + 7, dot.y - 7, dot.y + 7]);
    for (const dot of dots) {
      const most = Math.floor((width * 0.42) / LETTER);
      const name = dot.tracker.length > most ? `${dot.tracker.slice(0, most - 1)}…` : dot.tracker, letters = name.length * LETTER;
      const places = [[dot.x + 11, dot.y + 4, "start"], [dot.x - 11, dot.y + 4, "end"], [dot.x, dot.y - 12, "middle"], [dot.x, dot.y + 20, "middle"]];
      const boxes = places.map(([x, y, anchor]) => {
        const left = anchor === "start" ? x : anchor === "end" ? x - letters : x - letters / 2;
        return [left, left + letters, y - 10, y + 3];
      });
      const free = (box) => box[0] > 4 && box[1] < width && !taken.some((t) => box[0] < t[1] && box[1] > t[0] && box[2] < t[3] && box[3] > t[2]);
      const best = Math.max(0, boxes.findIndex(free)), [x, y, anchor] = places[best];
      taken.push(boxes[best]);
      plot.append(shape("circle", { class: "dot", cx: dot.x, cy: dot.y, r: 6, paint: color(dot.tracker) }),
        shape("text", { class: "name", x, y, "text-anchor": anchor }, name, shape("title", {}, dot.tracker)));
    }
  });
  return figure;
}
