// One chart: a uPlot with a legend of switches, a linear or logarithmic axis, and keys.

/** The nearest point that a line has, at most 30 pixels away. */
function nearestPoint(u, series, index) {
  const values = u.data[series];
  if (values[index] != null) return index;
  const times = u.data[0];
  let [before, after] = [index, index];
  while (before >= 0 && values[before] == null) before -= 1;
  while (after < values.length && values[after] == null) after += 1;
  const distance = (i) =>
    i < 0 || i >= values.length ? Infinity : Math.abs(u.valToPos(times[i], "x") - u.valToPos(times[index], "x"));
  const best = distance(before) <= distance(after) ? before : after;
  return distance(best) <= 30 ? best : index;
}

/** Memory begins at zero: a scale that does not makes a wobble look like a leak. */
function valueRange(logarithmic, base, limit) {
  return (u, low, high) => {
    if (low == null) return logarithmic ? [1, base ** 4] : [0, 1];
    if (logarithmic) return uPlot.rangeLog(low, high === low ? high * base : high, base, true);
    let top = Math.max(high, 0);
    // The limit is shown once the lines come near it; earlier it would flatten them.
    if (limit && limit <= top * 2) top = Math.max(top, limit);
    return [Math.min(low, 0) * 1.06, top > 0 ? top * 1.06 : 1];
  };
}

class Chart {
  /**
   * `lines` are {name, style, shown, values}; `annotate` is the cell whose phases, marks and
   * fit are drawn, or null; `group` has the charts that share a time axis and a cursor.
   */
  constructor(place, { unit, title, times, lines, annotate, group, height, byOperations = false, byWords = clock }) {
    Object.assign(this, { unit, title, times, lines, annotate, group, height, byOperations, byWords });
    this.logarithmic = false;
    this.readout = make("span", { class: "readout", text: "" });
    this.logButton = make("button", {
      type: "button",
      "aria-pressed": "false",
      text: "Log scale",
      onclick: () => this.toggleLog(),
    });
    this.plot = make("div", { class: "plot", tabindex: "0", role: "group", onkeydown: (event) => this.key(event) });
    this.legend = make("div", { class: "legend", role: "group", "aria-label": `Lines of ${title}` });
    this.element = make(
      "figure",
      { class: "chart" },
      make("figcaption", {}, make("strong", { text: title }), this.readout, this.logButton),
      this.plot,
      this.legend,
    );
    this.plot.setAttribute(
      "aria-label",
      `Chart: ${title}. Arrow keys move the cursor, plus and minus zoom, 0 shows all, L switches the scale.`,
    );
    place.append(this.element);
    this.makeLegend();
    this.build();
    group.charts.push(this);
    themeListeners.push(() => this.u.redraw());
    new ResizeObserver(() => this.fit()).observe(this.plot);
  }

  width() {
    return Math.max(this.plot.clientWidth, 240);
  }

  fit() {
    const width = this.width();
    if (width !== this.u.width) this.u.setSize({ width, height: this.height });
  }

  data() {
    if (!this.logarithmic) return [this.times, ...this.lines.map((line) => line.values)];
    const positive = (value) => (value === undefined ? undefined : value > 0 ? value : null);
    return [this.times, ...this.lines.map((line) => line.values.map(positive))];
  }

  build() {
    const withMemory = this.unit === UNITS.memory;
    const limit = withMemory && this.annotate ? this.annotate.limit_bytes : null;
    const annotate = this.annotate;
    const options = {
      width: this.width(),
      height: this.height,
      padding: [10, 26, 0, 0],
      legend: { show: false },
      scales: {
        x: { time: false },
        y: {
          distr: this.logarithmic ? 3 : 1,
          log: this.unit.log,
          range: valueRange(this.logarithmic, this.unit.log, limit),
        },
      },
      axes: axesOf(this.unit, this.byOperations),
      series: [
        {},
        ...this.lines.map((line) => ({
          label: line.name,
          stroke: () => themeColour(line.style.variable),
          dash: line.style.dash,
          width: 2,
          show: line.shown,
          points: { show: (u, series, from, to) => to - from < 3 },
        })),
      ],
      cursor: {
        sync: { key: this.group.key, setSeries: false },
        drag: { x: true, y: false, dist: 5 },
        dataIdx: (u, series, index) => (series === 0 ? index : nearestPoint(u, series, index)),
        points: { size: 7 },
        y: false,
      },
      hooks: {
        drawAxes: [(u) => annotate && !this.byOperations && drawBelow(u, annotate)],
        draw: [(u) => annotate && !this.byOperations && drawAbove(u, annotate, withMemory, this.lines.map((line) => line.key))],
        setCursor: [(u) => this.showValues(u)],
        setScale: [(u, key) => key === "x" && this.group.zoomed(this, u.scales.x)],
      },
    };
    this.plot.replaceChildren();
    this.u = new uPlot(options, this.data(), this.plot);
    const touch = (event) => {
      const left = event.touches[0].clientX - this.u.over.getBoundingClientRect().left;
      this.u.setCursor({ left, top: 10 }, true, true);
    };
    this.u.over.addEventListener("touchstart", touch, { passive: true });
    this.u.over.addEventListener("touchmove", touch, { passive: true });
  }

  makeLegend() {
    this.lines.forEach((line, i) => {
      line.valueText = make("span", { class: "value" });
      const button = make(
        "button",
        {
          type: "button",
          role: "switch",
          "aria-checked": String(line.shown),
          onclick: () => this.show(i, !line.shown),
          ondblclick: () => this.only(i),
          title: "Click: on or off. Double click: this one alone.",
        },
        swatch(line.style),
        make("span", { class: "name", text: line.name }),
        line.valueText,
      );
      line.button = button;
      this.legend.append(button);
    });
  }

  show(i, shown) {
    const line = this.lines[i];
    line.shown = shown;
    line.button.setAttribute("aria-checked", String(shown));
    this.u.setSeries(i + 1, { show: shown });
  }

  only(i) {
    this.lines.forEach((_, other) => this.show(other, other === i));
  }

  toggleLog() {
    const { min, max } = this.u.scales.x;
    this.logarithmic = !this.logarithmic;
    this.logButton.setAttribute("aria-pressed", String(this.logarithmic));
    this.u.destroy();
    this.build();
    this.u.setScale("x", { min, max });
  }

  showValues(u) {
    const { idx, idxs } = u.cursor;
    this.readout.textContent = idx == null ? "" : `at ${this.byWords(this.times[idx])}`;
    this.lines.forEach((line, i) => {
      const value = idx == null || !idxs || idxs[i + 1] == null ? null : line.values[idxs[i + 1]];
      line.valueText.textContent = idx == null ? "" : value == null ? "–" : this.unit.words(value);
    });
  }

  key(event) {
    if (event.target !== this.plot || event.ctrlKey || event.metaKey || event.altKey) return;
    const step = event.shiftKey ? 10 : 1;
    const actions = {
      ArrowLeft: () => this.moveCursor(-step),
      ArrowRight: () => this.moveCursor(step),
      Home: () => this.moveCursor(-Infinity),
      End: () => this.moveCursor(Infinity),
      "+": () => this.group.zoom(0.5),
      "=": () => this.group.zoom(0.5),
      "-": () => this.group.zoom(2),
      0: () => this.group.reset(),
      Escape: () => this.group.reset(),
      l: () => this.toggleLog(),
      L: () => this.toggleLog(),
    };
    const action = actions[event.key];
    if (!action) return;
    event.preventDefault();
    action();
  }

  moveCursor(step) {
    const [first, last] = [this.u.valToIdx(this.u.scales.x.min), this.u.valToIdx(this.u.scales.x.max)];
    const from = this.u.cursor.idx ?? (step > 0 ? first - 1 : last + 1);
    const index = Math.min(Math.max(from + step, first), last);
    this.u.setCursor({ left: this.u.valToPos(this.times[index], "x"), top: 10 }, true, true);
  }

  /** Takes new values of the same lines; a reader's zoom stays. */
  update(times, values, annotate) {
    const zoomed = this.group.isZoomed;
    this.times = times;
    this.annotate = annotate;
    values.forEach((one, i) => (this.lines[i].values = one));
    this.u.setData(this.data(), !zoomed);
    if (zoomed) this.u.redraw();
  }
}

/** The stroke of a line as a small picture: colour and dash. */
function swatch(style) {
  const space = "http://www.w3.org/2000/svg";
  const picture = document.createElementNS(space, "svg");
  for (const [name, value] of [["width", "30"], ["height", "10"], ["aria-hidden", "true"]]) picture.setAttribute(name, value);
  const line = document.createElementNS(space, "line");
  const geometry = { x1: 0, y1: 5, x2: 30, y2: 5, "stroke-width": 3, "stroke-dasharray": style.dash.join(" ") };
  for (const [name, value] of Object.entries(geometry)) line.setAttribute(name, value);
  line.classList.add(style.variable.slice(2));
  picture.append(line);
  return picture;
}

/** Charts over the same times: one cursor, one zoom. */
class ChartGroup {
  constructor(key) {
    this.key = uPlot.sync(key).key;
    this.charts = [];
    this.isZoomed = false;
    this.busy = false;
  }

  whole() {
    const times = this.charts[0].times;
    return { min: times[0], max: times[times.length - 1] };
  }

  set(range) {
    this.busy = true;
    for (const chart of this.charts) chart.u.setScale("x", range);
    this.busy = false;
    const { min, max } = this.whole();
    this.isZoomed = range.min > min || range.max < max;
  }

  zoomed(source, { min, max }) {
    if (this.busy || !this.charts.includes(source) || min == null) return;
    this.set({ min, max });
  }

  zoom(factor) {
    const chart = this.charts[0];
    const { min, max } = chart.u.scales.x;
    const index = chart.u.cursor.idx;
    const centre = index == null ? (min + max) / 2 : chart.times[index];
    const whole = this.whole();
    this.set({
      min: Math.max(whole.min, centre - (centre - min) * factor),
      max: Math.min(whole.max, centre + (max - centre) * factor),
    });
  }

  move(share) {
    const { min, max } = this.charts[0].u.scales.x;
    const whole = this.whole();
    const by = Math.min(Math.max((max - min) * share, whole.min - min), whole.max - max);
    this.set({ min: min + by, max: max + by });
  }

  reset() {
    this.set(this.whole());
  }

  /** Buttons for all charts of the group; a finger cannot drag a zoom and scroll too. */
  toolbar() {
    const button = (text, name, action) =>
      make("button", { type: "button", text, "aria-label": name, title: name, onclick: action });
    return make(
      "div",
      { class: "tools", role: "group", "aria-label": "Zoom" },
      button("+", "Zoom in", () => this.zoom(0.5)),
      button("−", "Zoom out", () => this.zoom(2)),
      button("←", "Earlier", () => this.move(-0.5)),
      button("→", "Later", () => this.move(0.5)),
      button("Show all", "Show all of the time", () => this.reset()),
      make("span", { class: "hint", text: "drag to zoom, double click for all" }),
    );
  }
}
