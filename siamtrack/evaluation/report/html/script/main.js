// Head, legend, and the sections of the view that is shown.

function setTheme(theme) {
  document.documentElement.dataset.theme = theme;
}

function head() {
  const dark = matchMedia("(prefers-color-scheme: dark)");
  setTheme(dark.matches ? "dark" : "light");
  dark.addEventListener("change", () => setTheme(dark.matches ? "dark" : "light"));
  const flip = () => setTheme(document.documentElement.dataset.theme === "dark" ? "light" : "dark");
  const first = report.groups[0];
  const frames = first.sequences.reduce((sum, s) => sum + (s.frames ?? 0), 0);
  const protocols = [...new Set(report.groups.map((view) => view.protocol.name))];
  const facts = [count(report.trackers.length, "tracker"), count(first.sequences.length, "sequence"), frames ? count(frames, "frame") : null,
    `${protocols.length > 1 ? "protocols" : "protocol"} ${protocols.join(", ")}`];
  return node("header", { class: "head" },
    node("div", {}, node("p", { class: "eyebrow" }, "Tracking evaluation"), node("h1", {}, report.title), node("p", { class: "facts" }, facts.filter(Boolean).map((fact) => node("span", {}, fact)))),
    node("button", { class: "theme", type: "button", onclick: flip }, "Light / dark"));
}

function legend(view) {
  const chips = view.trackers.map((tracker) => node("button", {
    class: "chip", type: "button", "aria-pressed": String(!hidden.has(tracker)), title: tracker,
    onclick: (event) => {
      if (!hidden.delete(tracker)) hidden.add(tracker);
      event.currentTarget.setAttribute("aria-pressed", String(!hidden.has(tracker)));
      redraws.forEach((redraw) => redraw());
    },
  }, swatch(tracker), node("span", {}, tracker)));
  return node("div", { class: "legend", role: "group", "aria-label": "Trackers in the plots" }, chips);
}

function views(show) {
  if (report.groups.length < 2) return null;
  const several = new Set(report.groups.map((view) => view.benchmark)).size > 1;
  const labels = report.groups.map((view) => (several ? `${view.benchmark} · ${view.protocol.name}` : view.protocol.name));
  const chips = picker(labels, 0, show, "Benchmark and protocol");
  chips.className = "views";
  return chips;
}

function show(i) {
  redraws.clear();
  const view = report.groups[i];
  const sections = [legend(view), scoresSection(view), protocolsSection(view), curvesSection(view), comparisonSection(view), attributesSection(view),
    speedSection(view), sequencesSection(view), publishedSection(view)];
  body.replaceChildren(...sections.filter(Boolean));
}

const body = node("main", {});
document.getElementById("report").append(...[head(), views(show), body].filter(Boolean),
  node("footer", {}, "Made by siamtrack. Numbers of different protocols cannot be compared; each table and plot names its own."));
show(0);
