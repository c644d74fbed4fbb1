// Every sequence, and what happened in it: overlap frame by frame, boxes under the pointer, the worst frames.

function bytes(text) {
  return Uint8Array.from(atob(text), (c) => c.charCodeAt(0));
}

const LEVELS = 250, NOT_SCORED = 255, QUARTER = 4, NO_BOX = -32768;

// What evidence.py packed, ready to be asked: overlaps(t) -> numbers or null, boxes(frame) -> [true, tracker, ...].
function unpack(stored) {
  const levels = bytes(stored.overlaps), quarters = new Int16Array(bytes(stored.boxes).buffer);
  const rows = quarters.length / (stored.samples * 4);
  const last = Math.max(stored.frames - 1, 1);
  return {
    ...stored,
    frameOf: (i) => Math.floor((i * stored.frames) / stored.points),
    overlaps: (t) => Array.from(levels.subarray(t * stored.points, (t + 1) * stored.points), (v) => (v === NOT_SCORED ? null : v / LEVELS)),
    sampled(frame) {
      const k = Math.round((frame / last) * (stored.samples - 1));
      const boxes = Array.from({ length: rows }, (_, row) => {
        const at = (row * stored.samples + k) * 4;
        return quarters[at] === NO_BOX ? null : Array.from(quarters.subarray(at, at + 4), (v) => v / QUARTER);
      });
      return { frame: stored.samples < 2 ? 0 : Math.round((k * (stored.frames - 1)) / (stored.samples - 1)), boxes };
    },
  };
}

// A frame with boxes: the true one dashed, `mine` bold, the others fine.
function scene(size, shot, mine, others, label) {
  const [width, height] = size;
  const plot = shape("svg", { viewBox: `0 0 ${width} ${height}`, role: "img", "aria-label": label, class: shot.image ? "stage" : "stage empty" });
  if (shot.image) plot.append(shape("image", { href: `data:image/jpeg;base64,${shot.image}`, width, height, preserveAspectRatio: "none" }));
  const rect = (box, attributes) => shape("rect", { x: box[0], y: box[1], width: Math.max(box[2], 0), height: Math.max(box[3], 0), ...attributes });
  report.frames.trackers.forEach((tracker, t) => {
    const box = shot.boxes[t + 1];
    if (!box || tracker === mine || !others || hidden.has(tracker)) return;
    plot.append(rect(box, { class: "box fine" }), rect(box, { class: "box other", ink: color(tracker), "stroke-dasharray": dash(tracker) }));
  });
  const truth = shot.boxes[0], own = shot.boxes[report.frames.trackers.indexOf(mine) + 1];
  for (const [box, attributes] of [[truth, { class: "box true" }], [own, { class: "box mine", ink: color(mine), "stroke-dasharray": dash(mine) }]]) {
    if (box) plot.append(rect(box, { class: "box rim" }), rect(box, attributes));
  }
  return plot;
}

function sequencesSection(view) {
  const place = node("div", {});
  const detail = node("div", {});
  const known = report.frames.sequences ?? {};
  const ranked = metricsOf(view, view.sequences);
  if (!ranked.length) return null;
  let metric = 0, opened = null, table = null;

  function show(n) {
    metric = n;
    const about = ranked[n], m = view.metrics.indexOf(about);
    const marks = new Map(view.sequences.map((s) => [s, places(s.values.map((v) => v[m]), about.digits, about.less)]));
    table = sortable({
      label: `${about.label} of each sequence`,
      columns: [
        { label: "Sequence", text: true, value: (s) => s.name, hint: (s) => s.attributes.join(", ") || null,
          cell: (s) => (known[s.name] ? node("button", { type: "button", class: "opens", onclick: () => open(s.name, true) }, s.name) : s.name) },
        ...view.trackers.map((tracker, i) => ({ label: tracker, title: about.label, value: (s) => s.values[i][m], cell: (s) => fixed(s.values[i][m], about.digits), class: (s) => marks.get(s)[i] })),
        ...(view.sequences[0].frames === null ? [] : [{ label: "Frames", value: (s) => s.frames, cell: (s) => s.frames.toLocaleString("en") }]),
      ],
      rows: view.sequences,
      sort: { column: 1, descending: Boolean(about.less) },
      tall: true,
    });
    place.replaceChildren(table.element);
    if (opened) mark(opened);
  }
  function mark(name) {
    for (const { row, line } of table.lines) {
      if (row.name === name) line.setAttribute("aria-current", "true");
      else line.removeAttribute("aria-current");
    }
  }
  function open(name, scroll) {
    opened = name;
    mark(name);
    const order = table.order().map((s) => s.name), i = order.indexOf(name);
    detail.replaceChildren(drillDown(view, view.sequences.find((s) => s.name === name), unpack(known[name]), ranked[metric], {
      before: i > 0 ? () => open(order[i - 1], false) : null,
      after: i + 1 < order.length ? () => open(order[i + 1], false) : null,
    }));
    if (scroll) detail.firstChild.scrollIntoView({ behavior: "smooth", block: "nearest" });
  }

  show(0);
  const first = table.order().find((s) => known[s.name]);
  if (first) open(first.name, false);
  const pick = ranked.length > 1 ? picker(ranked.map((one) => one.label), 0, show, "Metric") : null;
  const note = first ? "Hardest first for the best tracker. A name opens the sequence below." : "Hardest first for the best tracker.";
  return section(view, "Sequences", pick, place, node("p", { class: "note" }, note), detail);
}

function drillDown(view, about, stored, metric, steps) {
  const own = view.trackers.filter((tracker) => report.frames.trackers.includes(tracker));
  let mine = own.find((tracker) => !hidden.has(tracker)) ?? own[0];
  const index = () => report.frames.trackers.indexOf(mine);
  const stage = node("div", {}), caption = node("p", { class: "stage-caption" }), shots = node("div", { class: "shots" });

  function put(frame, shot) {
    stage.replaceChildren(scene(stored.size, shot, mine, true, `frame ${frame + 1} of ${about.name}`));
    const near = shot.boxes[0] ? "" : ", no target";
    caption.textContent = `Frame ${frame + 1} of ${stored.frames}${near}. True box dashed, ${mine} bold.`;
  }
  function rest() {
    const [frame] = stored.worst[index()][0] ?? [0];
    put(frame, stored.shots[frame] ?? stored.sampled(frame));
  }
  const chart = lineChart({
    class: "chart",
    title: "Overlap, frame by frame",
    note: stored.points < stored.frames ? `means over ${(stored.frames / stored.points).toFixed(1)} frames` : "",
    xs: Array.from({ length: stored.points }, (_, i) => stored.frameOf(i) + 1),
    x: { label: "Frame", low: 1, high: Math.max(stored.frames, 2) },
    y: { label: "Overlap", high: 1 },
    marks: () => stored.worst[index()].map(([frame]) => ({ x: frame + 1, tracker: mine })),
    read: (x) => `frame ${x}`,
    series: own.map((tracker) => ({ tracker, ys: stored.overlaps(report.frames.trackers.indexOf(tracker)) })),
    height: (width) => Math.round(Math.max(220, Math.min(320, width * 0.5))),
    point: (i) => {
      const frame = stored.frameOf(i), exact = stored.shots[frame];
      const near = stored.sampled(frame);
      put(exact ? frame : near.frame, exact ?? near);
    },
  });
  chart.querySelector("svg").addEventListener("pointerleave", rest);

  function choose(i) {
    mine = own[i];
    rest();
    redraws.forEach((redraw) => redraw());
    const inTime = [...stored.worst[index()]].sort((a, b) => a[0] - b[0]);
    shots.replaceChildren(...inTime.map(([frame, overlap]) => node("figure", {},
      scene(stored.size, stored.shots[frame], mine, false, `frame ${frame + 1} of ${about.name}: true box and ${mine}`),
      node("figcaption", {}, node("b", {}, `Frame ${frame + 1}`), ` overlap ${fixed(overlap, 2)}`))));
  }
  choose(own.indexOf(mine));
  const values = view.trackers.map((tracker, i) => `${tracker} ${fixed(about.values[i][view.metrics.indexOf(metric)], metric.digits)}`);
  const button = (text, step, label) => node("button", { class: "step", type: "button", "aria-label": label, disabled: step ? null : "", onclick: step ?? (() => {}) }, text);
  return node("article", { class: "drill card" },
    node("div", { class: "drill-head" }, node("h3", {}, about.name),
      node("span", { class: "tags" }, [count(about.frames, "frame"), ...about.attributes].join(" · ")),
      button("←", steps.before, "sequence before"), button("→", steps.after, "sequence after")),
    node("p", { class: "protocol" }, `${metric.label} by `, node("b", {}, view.protocol.name), `: ${values.join(", ")}. Overlaps by `, node("b", {}, report.frames.protocol), "."),
    node("div", { class: "two" }, chart, node("div", {}, stage, caption)),
    node("div", { class: "between" }, node("h3", {}, "Worst frames of"), picker(own, own.indexOf(mine), choose, "Tracker")),
    shots);
}
