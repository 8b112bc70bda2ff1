// Units of the axes: steps that are round in the unit, and the words beside them.
const BYTE_STEPS = [];
for (let unit = 1; unit <= 2 ** 50; unit *= 1024) {
  // 256 and 512 are round in the unit above: a quarter and a half.
  for (const step of [1, 2, 5, 10, 20, 50, 100, 256, 512]) BYTE_STEPS.push(step * unit);
}
const NUMBER_STEPS = [];
for (let power = -6; power < 15; power += 1) {
  for (const step of [1, 2, 5]) NUMBER_STEPS.push(Number(`${step}e${power}`));
}
const SECOND_STEPS = [
  0.001, 0.002, 0.005, 0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1, 2, 5, 10, 15, 30, 60, 120, 300, 600, 900, 1800,
  3600, 7200, 10800, 21600, 43200, 86400, 172800, 604800, 1209600,
];

/** What a panel measures: how its values are written and where its ticks may lie. */
const UNITS = {
  memory: { words: bytes, steps: BYTE_STEPS, title: "Memory", log: 2 },
  gauges: { words: plainNumber, steps: NUMBER_STEPS, title: "Gauges and counts", log: 10 },
  throughput: { words: (v) => `${plainNumber(v)}/s`, steps: NUMBER_STEPS, title: "Throughput (operations per second)", log: 10 },
  latency: { words: microseconds, steps: NUMBER_STEPS, title: "Latency of an operation", log: 10 },
  processor: { words: plainNumber, steps: NUMBER_STEPS, title: "Processors busy", log: 10 },
};

/** Labels of byte ticks in one unit for the whole axis. */
function byteTicks(ticks) {
  const largest = Math.max(...ticks.filter((tick) => tick != null).map(Math.abs), 0);
  let unit = 0;
  while (largest >= 1024 ** (unit + 1) && unit + 1 < BYTE_UNITS.length) unit += 1;
  return ticks.map((tick) => (tick == null ? null : `${Number((tick / 1024 ** unit).toFixed(3))} ${BYTE_UNITS[unit]}`));
}

/** Labels of time ticks: seconds, minutes or hours by the span that is shown. */
function timeTicks(ticks) {
  const step = ticks.length > 1 ? ticks[1] - ticks[0] : 1;
  const largest = Math.max(...ticks.map(Math.abs), 0);
  if (largest < 120 || step < 1) return ticks.map((tick) => `${Number(tick.toFixed(3))} s`);
  const [unit, word] = largest < 7200 ? [60, "min"] : largest < 172800 ? [3600, "h"] : [86400, "d"];
  const even = (step / unit) * 100;
  if (Math.abs(even - Math.round(even)) < 1e-9) return ticks.map((tick) => `${Number((tick / unit).toFixed(2))} ${word}`);
  return ticks.map(clock);
}

function axesOf(unit, byOperations) {
  const common = {
    stroke: () => themeColour("--text"),
    font: "12px system-ui, sans-serif",
    grid: { stroke: () => themeColour("--grid"), width: 1 },
    ticks: { stroke: () => themeColour("--grid"), width: 1 },
  };
  const alongTime = { incrs: SECOND_STEPS, values: (_, ticks) => timeTicks(ticks) };
  const alongWork = { incrs: NUMBER_STEPS.filter((step) => step >= 1), values: (_, ticks) => ticks.map(count) };
  return [
    { ...common, ...(byOperations ? alongWork : alongTime), space: 70, size: 34 },
    {
      ...common,
      incrs: unit.steps,
      size: 78,
      values: (_, ticks) =>
        unit === UNITS.memory ? byteTicks(ticks) : ticks.map((tick) => (tick == null ? null : unit.words(tick))),
    },
  ];
}
