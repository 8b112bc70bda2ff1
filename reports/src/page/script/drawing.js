// What is drawn on a chart besides its lines: phases, warm-up, marks, limit, fit.

/** Fills a stretch of time; hatched, so that it is seen without colour. */
function shade(u, from, to, colour, hatched) {
  const { left, top, width, height } = u.bbox;
  const start = Math.max(left, u.valToPos(from, "x", true));
  const end = Math.min(left + width, u.valToPos(to, "x", true));
  if (!(end > start)) return null;
  const { ctx } = u;
  ctx.save();
  ctx.beginPath();
  ctx.rect(start, top, end - start, height);
  ctx.clip();
  ctx.fillStyle = colour;
  ctx.fillRect(start, top, end - start, height);
  if (hatched) {
    ctx.strokeStyle = themeColour("--hatch");
    ctx.lineWidth = devicePixelRatio;
    ctx.beginPath();
    for (let x = start - height; x < end; x += 9 * devicePixelRatio) {
      ctx.moveTo(x, top + height);
      ctx.lineTo(x + height, top);
    }
    ctx.stroke();
  }
  ctx.restore();
  return start;
}

function word(u, text, x, y, colour, align = "left") {
  const { ctx } = u;
  ctx.save();
  ctx.font = `${11 * devicePixelRatio}px system-ui, sans-serif`;
  ctx.textBaseline = "top";
  ctx.textAlign = align;
  ctx.lineWidth = 3 * devicePixelRatio;
  ctx.lineJoin = "round";
  ctx.strokeStyle = themeColour("--paper");
  ctx.strokeText(text, x, y);
  ctx.fillStyle = colour;
  ctx.fillText(text, x, y);
  ctx.restore();
}

function stroke(u, points, colour, width, dash) {
  const { ctx } = u;
  ctx.save();
  ctx.beginPath();
  ctx.rect(u.bbox.left, u.bbox.top, u.bbox.width, u.bbox.height);
  ctx.clip();
  ctx.strokeStyle = colour;
  ctx.lineWidth = width * devicePixelRatio;
  ctx.setLineDash(dash.map((length) => length * devicePixelRatio));
  ctx.beginPath();
  points.forEach(([x, y], i) => (i ? ctx.lineTo(x, y) : ctx.moveTo(x, y)));
  ctx.stroke();
  ctx.restore();
}

/** Below the lines: phases other than the load, the warm-up that was found, windows of marks. */
function drawBelow(u, cell) {
  const text = themeColour("--muted");
  const { top } = u.bbox;
  let occupied = -Infinity;
  const label = (name, x) => {
    if (x == null || x < occupied) return;
    word(u, name, x + 4 * devicePixelRatio, top + 3 * devicePixelRatio, text);
    occupied = x + (name.length * 6.5 + 8) * devicePixelRatio;
  };
  for (const phase of cell.phases) {
    if (phase.name !== "load") label(phase.name, shade(u, phase.from, phase.to, themeColour("--shade"), true));
  }
  if (cell.settled_s > 0) label("settling", shade(u, cell.times[0] || 0, cell.settled_s, themeColour("--shade"), false));
  for (const mark of cell.marks) {
    if (mark.to > mark.from) shade(u, mark.from, mark.to, themeColour("--mark-shade"), false);
  }
}

/** Above the lines: marks, the fit on the chart that has its line, the limit on that of memory. */
function drawAbove(u, cell, withMemory, keys) {
  const logarithmic = u.scales.y.distr === 3;
  const { left, top, width, height } = u.bbox;
  const ratio = devicePixelRatio;
  let occupied = -Infinity;
  for (const mark of cell.marks) {
    const x = u.valToPos(mark.from, "x", true);
    if (x < left || x > left + width) continue;
    stroke(u, [[x, top], [x, top + height]], themeColour("--mark"), 1, [3, 3]);
    if (x < occupied) continue;
    const name = mark.name.length > 24 ? `${mark.name.slice(0, 23)}…` : mark.name;
    const room = name.length * 6.5 * ratio;
    const flip = x + room > left + width;
    word(u, name, flip ? x - 3 * ratio : x + 3 * ratio, top + height - 16 * ratio, themeColour("--mark"), flip ? "right" : "left");
    occupied = x + room + 8 * ratio;
  }
  const fit = cell.fitted;
  if (fit && keys.includes(fit.key)) {
    const at = (time, value) => [u.valToPos(time, "x", true), u.valToPos(value, "y", true)];
    // Through many points: on a logarithmic scale a straight growth is a curve.
    const points = Array.from({ length: 65 }, (_, i) => i / 64)
      .map((share) => [fit.from + (fit.to - fit.from) * share, fit.start + (fit.end - fit.start) * share])
      .filter(([, value]) => !logarithmic || value > 0)
      .map(([time, value]) => at(time, value));
    // Thin and parted: the line that it lies on stays in sight.
    if (points.length) stroke(u, points, themeColour("--text"), 1.5, [5, 9]);
    const [x, y] = at((fit.from + fit.to) / 2, (fit.start + fit.end) / 2);
    if (x > left && x < left + width && y > top && y < top + height) {
      word(u, fit.words, x + 6 * ratio, y + 6 * ratio, themeColour("--text"));
    }
  }
  if (withMemory && cell.limit_bytes) {
    const y = u.valToPos(cell.limit_bytes, "y", true);
    if (y >= top) {
      stroke(u, [[left, y], [left + width, y]], themeColour("--bad"), 2, [12, 4]);
      word(u, `limit ${bytes(cell.limit_bytes)}`, left + width - 4 * ratio, y + 3 * ratio, themeColour("--bad"), "right");
    }
  }
}
