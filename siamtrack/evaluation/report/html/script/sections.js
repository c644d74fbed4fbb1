// The page's sections, each a function of a view: one benchmark by one protocol.

function scoresSection(view) {
  const rows = view.trackers.map((tracker, i) => ({ tracker, values: view.values[i] }));
  const columns = view.metrics.map((metric, m) => {
    const most = Math.max(...rows.map((row) => row.values[m] ?? 0));
    const track = (row) => {
      const bar = node("span", {});
      bar.style.width = `${Math.max(0, ((row.values[m] ?? 0) / (most || 1)) * 100)}%`;
      bar.style.background = color(row.tracker);
      return node("span", { class: "track", "aria-hidden": "true" }, bar);
    };
    const column = scoreColumn(metric, rows, (row) => row.values[m]);
    return m === 0 ? { ...column, cell: (row) => [track(row), node("span", { class: column.class(row) }, fixed(row.values[m], metric.digits))], class: () => "" } : column;
  });
  const table = sortable({
    label: `Scores on ${view.benchmark}, protocol ${view.protocol.name}`,
    columns: [{ label: "Tracker", text: true, value: (row) => row.tracker, cell: (row) => trackerCell(row.tracker), hint: (row) => row.tracker }, ...columns],
    rows,
    sort: { column: 1, descending: true },
  });
  const rules = [["Defined by", view.protocol.source], ...view.metrics.map((m) => [m.label, m.reading]), ...view.protocol.rules];
  const how = node("details", {}, node("summary", {}, `How protocol ${view.protocol.name} makes these numbers`),
    node("dl", {}, rules.flatMap(([term, meaning]) => [node("dt", {}, term), node("dd", {}, meaning)])));
  const notes = (report.notes ?? []).map((note) => node("p", { class: "warning" }, note));
  return section(view, "Scores", table.element, notes, how);
}

// The same boxes by every protocol that was asked for, as fractions; nothing is ranked across protocols.
function protocolsSection(view) {
  const groups = report.groups.filter((other) => other.benchmark === view.benchmark);
  if (groups.length < 2) return null;
  const place = node("div", {});
  function show(n) {
    const { name } = view.curves[n];
    const value = (group, tracker) => {
      const curve = group.curves.find((c) => c.name === name), m = curve ? group.metrics.findIndex((metric) => metric.name === curve.metric) : -1;
      const found = m < 0 ? null : group.values[group.trackers.indexOf(tracker)]?.[m] ?? null;
      return found === null ? null : found / (group.metrics[m].scale ?? 1);
    };
    const table = sortable({
      label: "The same results by every protocol",
      columns: [{ label: "Tracker", text: true, value: (t) => t, cell: trackerCell, hint: (t) => t },
        ...groups.map((group) => ({ label: group.protocol.name, value: (t) => value(group, t), cell: (t) => fixed(value(group, t), 3) }))],
      rows: view.trackers,
      sort: { column: 1 + groups.indexOf(view), descending: true },
    });
    place.replaceChildren(table.element);
  }
  show(0);
  const pick = view.curves.length > 1 ? picker(view.curves.map((c) => c.title), 0, show, "Metric") : null;
  const title = node("div", { class: "title" }, node("h2", {}, "By protocol"), node("span", { class: "protocol" }, view.benchmark));
  return node("section", {}, title, pick, place, node("p", { class: "note" }, "The same results by each protocol, as fractions: what differs down a column is the trackers, what differs along a row is the counting."));
}

function curvesSection(view) {
  if (!view.curves.length) return null;
  const charts = view.curves.map((curve) => lineChart({
    title: curve.title,
    note: `score: ${curve.reading}`,
    xs: curve.grid,
    x: { label: curve.x, low: curve.grid[0], high: curve.grid[curve.grid.length - 1] },
    y: { label: curve.y, high: 1 },
    at: curve.at,
    band: curve.band,
    read: (x) => `${curve.x}: ${x}`,
    series: view.trackers.map((tracker, i) => ({ tracker, ys: curve.values[i] })),
    height: plotHeight,
  }));
  if (view.points) {
    const points = view.trackers.map((tracker, i) => ({ tracker, x: view.points.at[i][0], y: view.points.at[i][1] }));
    charts.unshift(scatter({ title: view.points.title, note: "up and to the right is better", xLabel: view.points.x, yLabel: view.points.y, linear: true, points }));
  }
  return section(view, "Plots", node("div", { class: "grid" }, charts));
}

function speedSection(view) {
  const m = view.metrics.findIndex((metric) => metric.name === "fps");
  const points = m < 0 ? [] : view.trackers.map((tracker, i) => ({ tracker, x: view.values[i][m], y: view.values[i][0] })).filter((p) => p.x > 0 && p.y !== null);
  if (!points.length) return null;
  const chart = scatter({ title: `${view.metrics[0].label} against speed`, note: "up and to the right is better", xLabel: "Frames per second (logarithmic)", points });
  const note = node("p", { class: "note" }, "Speed is read from the times in the result files: it compares trackers only where they ran on one machine.");
  return section(view, "Speed", chart, note);
}

const BESIDE = 5; // trackers beyond which the table needs the whole width

function attributesSection(view) {
  if (!view.attributes.length) return null;
  const place = node("div", { class: "two" });
  const ranked = metricsOf(view, view.attributes);
  function show(n) {
    const metric = ranked[n], m = view.metrics.indexOf(metric);
    const marks = new Map(view.attributes.map((a) => [a, places(a.values.map((v) => v[m]), metric.digits, metric.less)]));
    const table = sortable({
      label: `${metric.label} by attribute`,
      columns: [
        { label: "Attribute", text: true, value: (a) => a.name, cell: (a) => a.name },
        ...view.trackers.map((tracker, i) => ({ label: tracker, title: metric.reading, value: (a) => a.values[i][m], cell: (a) => fixed(a.values[i][m], metric.digits), class: (a) => marks.get(a)[i] })),
        ...(view.attributes[0].sequences === null ? [] : [{ label: "Sequences", value: (a) => a.sequences, cell: (a) => String(a.sequences) }]),
      ],
      rows: view.attributes,
      sort: { column: 1, descending: false },
    });
    const chart = view.attributes.length < 3 ? null : radar({
      title: metric.label, note: "by attribute", digits: metric.digits, axes: view.attributes.map((a) => a.name),
      series: view.trackers.map((tracker, i) => ({ tracker, values: view.attributes.map((a) => a.values[i][m]) })),
    });
    place.replaceChildren(...[chart, table.element].filter(Boolean));
    place.className = chart ? (view.trackers.length > BESIDE ? "stacked" : "two") : "";
  }
  show(0);
  const pick = ranked.length > 1 ? picker(ranked.map((metric) => metric.label), 0, show, "Metric") : null;
  return section(view, "Attributes", pick, place);
}

function whisker(row, reach) {
  const width = 190, sx = (v) => width / 2 + (v / reach) * (width / 2 - 8);
  const plot = shape("svg", { width, height: 18, viewBox: `0 0 ${width} 18`, role: "img", "aria-label": `from ${row.low} to ${row.high}` },
    shape("line", { class: "axis", x1: width / 2, x2: width / 2, y1: 0, y2: 18 }),
    shape("line", { x1: sx(row.low), x2: sx(row.high), y1: 9, y2: 9, ink: color(row.tracker), "stroke-width": 2 }));
  for (const end of [row.low, row.high]) plot.append(shape("line", { x1: sx(end), x2: sx(end), y1: 5, y2: 13, ink: color(row.tracker), "stroke-width": 2 }));
  plot.append(shape("circle", { cx: sx(row.mean), cy: 9, r: 4.5, paint: color(row.tracker) }));
  return plot;
}

function comparisonSection(view) {
  const found = view.comparison;
  if (!found || !found.rows.length) return null;
  const place = node("div", {});
  const metrics = view.metrics.filter((metric) => found.rows.some((row) => row.metric === metric.name));
  function show(m) {
    const { digits, label, name } = metrics[m];
    const rows = found.rows.filter((row) => row.metric === name);
    const reach = Math.max(...rows.flatMap((row) => [Math.abs(row.low), Math.abs(row.high)])) || 1;
    const table = sortable({
      label: `${label} against ${found.reference}`,
      columns: [
        { label: "Tracker", text: true, value: (row) => row.tracker, cell: (row) => trackerCell(row.tracker) },
        { label: "Difference", value: (row) => row.mean, cell: (row) => signed(row.mean, digits), class: (row) => (row.low > 0 ? "plus" : row.high < 0 ? "minus" : "") },
        { label: `${Math.round(found.level * 100)} % interval`, value: (row) => row.low, cell: (row) => `${signed(row.low, digits)} … ${signed(row.high, digits)}` },
        { label: "", fixed: true, value: () => 0, cell: (row) => whisker(row, reach) },
        { label: "Better on", value: (row) => row.better, cell: (row) => String(row.better) },
        { label: "Worse on", value: (row) => row.worse, cell: (row) => String(row.worse) },
      ],
      rows,
      sort: { column: 1, descending: true },
    });
    place.replaceChildren(table.element);
  }
  show(0);
  const pairs = found.rows[0].pairs;
  const note = `Mean of the differences over ${count(pairs, "sequence")}, with a percentile bootstrap interval over sequences (${found.resamples.toLocaleString("en")} resamples). ` +
    "Where the interval leaves out zero the difference is coloured. It says what other sequences of this kind might give, not what another training run might.";
  return section(view, `Against ${found.reference}`, metrics.length > 1 ? picker(metrics.map((m) => m.label), 0, show, "Metric") : null, place, node("p", { class: "note" }, note));
}

function publishedSection(view) {
  const found = view.published;
  if (!found) return null;
  if (!found.rows.length) return section(view, "Published scores", node("p", { class: "note" }, `No published score of ${view.benchmark} is known to this version.`));
  const lines = new Map();
  for (const row of found.rows) {
    const key = JSON.stringify([row.tracker, row.source, row.protocol]);
    if (!lines.has(key)) lines.set(key, { ...row, values: {} });
    lines.get(key).values[row.metric] = row.value;
  }
  const rows = [...lines.values()];
  const own = view.trackers.map((tracker, i) => ({ tracker, own: true, year: null, source: "this report", protocol: view.protocol.name, same: true,
    values: Object.fromEntries(found.ours[i]) }));
  const all = [...own, ...rows];
  const table = sortable({
    label: "Published scores beside these",
    columns: [
      { label: "Tracker", text: true, value: (row) => row.tracker, cell: (row) => (row.own ? [swatch(row.tracker), node("strong", {}, row.tracker)] : row.tracker) },
      ...found.metrics.map(([name, label]) => ({ label, value: (row) => row.values[name] ?? null, cell: (row) => fixed(row.values[name], 3) })),
      { label: "Year", value: (row) => row.year, cell: (row) => row.year ?? "–" },
      { label: "Protocol", text: true, value: (row) => row.protocol, cell: (row) => (row.same ? row.protocol : `${row.protocol} ⚠`), hint: (row) => (row.same ? null : "not the protocol of this report") },
      { label: "Source", text: true, value: (row) => row.source, cell: (row) => row.source },
    ],
    rows: all,
    sort: { column: 1, descending: true },
    tall: all.length > 12,
  });
  const ours = node("p", { class: "note" }, `The numbers of this report are on ${count(view.sequences.length, "sequence")}; published ones are on all of the benchmark.`);
  const other = rows.filter((row) => !row.same).length;
  const sentences = [...new Set(found.pairs.map((pair) => pair.warning).filter(Boolean))];
  const warnings = other ? node("div", { class: "warning" },
    `⚠ ${count(other, "published row")} not by protocol ${view.protocol.name}, or without a word on the protocol: protocols alone move such numbers by hundredths.`,
    sentences.length ? node("details", {}, node("summary", {}, `${count(sentences.length, "number")} of trackers in this report`), sentences.map((text) => node("p", {}, text))) : null) : null;
  return section(view, "Published scores", table.element, warnings, ours);
}
