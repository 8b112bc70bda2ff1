// Runs a step at a rate, and tells leaklab its operations and what V8 holds after a full collection.
'use strict';
const fs = require('fs');
const fd = Number(process.env.LEAKLAB_PIPE || 1);
const say = (message) => fs.writeSync(fd, JSON.stringify(message) + '\n');
const sleep = (ms) => new Promise((resolve) => setTimeout(resolve, ms));

function tell(more) {
  // Twice: what the first collection finds dead may hold what only a second one can free.
  gc();
  gc();
  const memory = process.memoryUsage();
  say({ ...more, heap: { used_bytes: memory.heapUsed, committed_bytes: memory.heapTotal } });
}

// Runs `step` for ever, `rate` times a second, after `warm` of them that do not count. `gauges`
// gives numbers to record beside the heap.
exports.run = async (step, { rate = 2000, warm = 300, every = 300, gauges = null } = {}) => {
  for (let i = 0; i < warm; i++) await step();
  const more = (ops) => ({ ops, ...(gauges ? { gauges: gauges() } : {}) });
  tell({ ready: true, ...more(0) });
  const start = performance.now();
  for (let done = 0, told = start; ;) {
    const due = Math.min(Math.floor((performance.now() - start) / 1000 * rate), done + 2048);
    for (; done < due; done++) await step();
    if (performance.now() - told >= every) {
      told = performance.now();
      tell(more(done));
    }
    await sleep(2);
  }
};
