// Tables that sort by any column, by mouse or keyboard, and mark the best and the second best of what is read.

// "best", "second" or "" for each value of a column; values that read the same share their place.
function places(values, digits, less = false) {
  const texts = values.map((v) => (v === null ? null : v.toFixed(digits)));
  const order = [...new Set(texts.filter((t) => t !== null).map(Number))].sort((a, b) => (less ? a - b : b - a));
  return texts.map((text) => (text === null || values.length < 2 ? "" : ["best", "second"][order.indexOf(Number(text))] ?? ""));
}

// columns: label, title, text (left-aligned, sorted as words), value(row), cell(row) -> node or text, fixed (not sortable).
// sort: {column, descending}. The first column names the row.
function sortable({ label, columns, rows, sort, tall }) {
  const heads = columns.map((column, i) => {
    const name = column.fixed ? column.label : node("button", { type: "button", onclick: () => by(i) }, column.label);
    return node("th", { scope: "col", class: column.text ? "text" : null, title: column.title }, name);
  });
  const lines = rows.map((row) => ({ row, line: node("tr", {}, columns.map((column, i) =>
    node(i ? "td" : "th", { scope: i ? null : "row", class: column.text ? "text" : column.class?.(row) || null, title: column.hint?.(row) ?? null }, column.cell(row)))) }));
  const body = node("tbody", {});
  const table = node("table", { "aria-label": label }, node("thead", {}, node("tr", {}, heads)), body);
  let now = sort;

  function by(i, descending) {
    const column = columns[i];
    now = { column: i, descending: descending ?? (now.column === i ? !now.descending : !column.text) };
    heads.forEach((head, j) => {
      if (j === i) head.setAttribute("aria-sort", now.descending ? "descending" : "ascending");
      else head.removeAttribute("aria-sort");
    });
    const sign = now.descending ? -1 : 1;
    const sorted = [...lines].sort((a, b) => {
      const x = column.value(a.row), y = column.value(b.row);
      if (x === null || y === null) return (x === null) - (y === null); // what is not there stands last either way
      return sign * (column.text ? String(x).localeCompare(String(y), "en", { numeric: true }) : x - y);
    });
    body.replaceChildren(...sorted.map((entry) => entry.line));
  }

  by(sort.column, sort.descending);
  const frame = node("div", { class: tall ? "card scroll tall" : "card scroll" }, table);
  return { element: frame, lines, order: () => [...body.children].map((line) => lines.find((entry) => entry.line === line).row) };
}

function trackerCell(tracker) {
  return [swatch(tracker), tracker];
}

// A column of scores: values of every row known beforehand, so that places can be marked.
function scoreColumn(metric, rows, valueOf, more = {}) {
  const values = rows.map(valueOf);
  const marks = metric.ranked ? places(values, metric.digits, metric.less) : values.map(() => "");
  return {
    label: metric.label,
    title: metric.reading,
    value: valueOf,
    cell: (row) => fixed(valueOf(row), metric.digits),
    class: (row) => marks[rows.indexOf(row)],
    ...more,
  };
}
