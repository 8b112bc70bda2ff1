// The charts of the page: variants overlaid per scenario, and all panels of each cell.

const PANELS = ["memory", "gauges", "throughput", "latency", "processor"];

/** All panels of one cell. */
class CellCharts {
  constructor(place, cell, index) {
    this.group = new ChartGroup(`cell-${index}`);
    this.charts = [];
    const tools = make("div");
    place.append(tools);
    for (const panel of PANELS) {
      const lines = cell.lines
        .map((line, i) => ({ ...line, source: i }))
        .filter((line) => line.panel === panel)
        .map((line, i) => ({ ...line, style: lineStyle(i) }));
      if (!lines.length) continue;
      const chart = new Chart(place, {
        unit: UNITS[panel],
        title: UNITS[panel].title,
        times: cell.times,
        lines,
        annotate: cell,
        group: this.group,
        height: panel === "memory" ? 300 : 170,
      });
      this.charts.push(chart);
    }
    if (this.charts.length) tools.replaceWith(this.group.toolbar());
    if (cell.thinned) {
      place.append(make("p", {
        class: "note",
        text: "Thinned: each step of time shows its smallest and its largest value. Every sample is in samples.csv.",
      }));
    }
  }

  update(cell) {
    for (const chart of this.charts) {
      chart.update(cell.times, chart.lines.map((line) => cell.lines[line.source].values), cell);
    }
  }
}

/** The variants of one scenario over each other, for one metric at a time. */
class Overlay {
  constructor(place, cells, indices) {
    this.place = place;
    this.indices = indices;
    this.cells = cells;
    const metrics = new Map();
    for (const cell of cells) {
      for (const line of cell.lines) if (!metrics.has(line.key)) metrics.set(line.key, line);
    }
    this.metrics = metrics;
    const heap = ["allocated_bytes", "used_bytes", "rss_bytes"].find((key) => metrics.has(key));
    this.metric = heap ?? metrics.keys().next().value;
    this.byOperations = false;
    this.hidden = new Set();
    if (!this.metric) return;
    const options = [...metrics.values()].map((line) =>
      make("option", { value: line.key, text: line.name, selected: line.key === this.metric }));
    const choose = make("select", { onchange: (event) => this.choose(event.target.value) }, ...options);
    this.axisButton = make("button", {
      type: "button",
      "aria-pressed": "false",
      text: "Against operations",
      onclick: () => this.toggleAxis(),
      hidden: !cells.some((cell) => cell.operations.length),
    });
    place.append(make("div", { class: "tools" }, make("label", {}, "Show ", choose), this.axisButton));
    this.body = make("div");
    place.append(this.body);
    this.build();
  }

  choose(metric) {
    this.metric = metric;
    this.build();
  }

  toggleAxis() {
    this.byOperations = !this.byOperations;
    this.axisButton.setAttribute("aria-pressed", String(this.byOperations));
    this.build();
  }

  /** Times and values of all cells on the union of their times. */
  joined() {
    const tables = this.cells.map((cell) => {
      const line = cell.lines.find((one) => one.key === this.metric);
      if (!line) return [[], []];
      if (!this.byOperations) return [cell.times, line.values];
      // A table is joined by keys that rise: of samples with the same count, the last stays.
      const rows = new Map();
      cell.operations.forEach((operations, i) => operations != null && rows.set(operations, line.values[i]));
      const keys = [...rows.keys()].sort((a, b) => a - b);
      return [keys, keys.map((key) => rows.get(key))];
    });
    return uPlot.join(tables);
  }

  build() {
    const line = this.metrics.get(this.metric);
    const [times, ...values] = this.joined();
    this.body.replaceChildren();
    const group = new ChartGroup(`overlay-${this.indices.join("-")}-${this.metric}-${this.byOperations}`);
    const tools = make("div");
    this.body.append(tools);
    this.chart = new Chart(this.body, {
      unit: UNITS[line.panel],
      title: `${line.name}, against ${this.byOperations ? "operations" : "time"}`,
      times,
      lines: this.cells.map((cell, i) => ({
        name: cell.label,
        style: variantStyle(cell.style),
        shown: true,
        values: values[i],
      })),
      annotate: null,
      group,
      height: 320,
      byOperations: this.byOperations,
      byWords: this.byOperations ? (operations) => `operation ${count(operations)}` : clock,
    });
    tools.replaceWith(group.toolbar());
  }

  update(cells) {
    this.cells = cells;
    if (!this.chart) return;
    const [times, ...values] = this.joined();
    this.chart.update(times, values, null);
  }
}

/** Draws each chart when it comes near the window; a page of many cells opens at once. */
function setUpCharts(data) {
  const drawn = new Map();
  const draw = (place) => {
    if (drawn.has(place)) return;
    const indices = place.dataset.cells.split(",").map(Number);
    const cells = indices.map((i) => data.cells[i]);
    place.classList.add("drawn");
    drawn.set(place, place.dataset.kind === "overlay"
      ? new Overlay(place, cells, indices)
      : new CellCharts(place, cells[0], indices[0]));
  };
  const places = document.querySelectorAll("[data-cells]");
  const watcher = new IntersectionObserver(
    (entries) => entries.filter((entry) => entry.isIntersecting).forEach((entry) => {
      watcher.unobserve(entry.target);
      draw(entry.target);
    }),
    { rootMargin: "600px" },
  );
  places.forEach((place) => watcher.observe(place));
  return (fresh) => {
    for (const [place, charts] of drawn) {
      const cells = place.dataset.cells.split(",").map((i) => fresh.cells[Number(i)]);
      charts.update(place.dataset.kind === "overlay" ? cells : cells[0]);
    }
    data.cells = fresh.cells;
  };
}
