// Runs a step at a rate, and tells leaklab its operations and what V8 holds after a full collection.
'use strict';
const fs = require('fs');
const v8 = require('v8');
const fd = Number(process.env.LEAKLAB_PIPE || 1);
const say = (message) => fs.writeSync(fd, JSON.stringify(message) + '\n');
const sleep = (ms) => new Promise((resolve) => setTimeout(resolve, ms));

function tell(more) {
  // Twice: what the first collection finds dead may hold what only a second one can free.
  gc();
  gc();
  const memory = process.memoryUsage();
  const { heap_size_limit: limit } = v8.getHeapStatistics();
  say({ ...more, heap: { used_bytes: memory.heapUsed, committed_bytes: memory.heapTotal, limit_bytes: limit } });
}

// Runs `step` for ever, `rate` times a second, after `warm` of them that do not count. It tells after
// as many steps as `every` milliseconds hold, and not by the clock: on a busy machine fewer steps are
// done, and as many are told. `gauges` gives numbers to record beside the heap.
exports.run = async (step, { rate = 2000, warm = 300, every = 300, gauges = null } = {}) => {
  for (let i = 0; i < warm; i++) await step();
  const more = (ops) => ({ ops, ...(gauges ? { gauges: gauges() } : {}) });
  tell({ ready: true, ...more(0) });
  const start = performance.now();
  const chunk = Math.max(1, Math.round(rate * every / 1000));
  for (let done = 0, next = chunk; ;) {
    const due = Math.min(Math.floor((performance.now() - start) / 1000 * rate), next);
    for (; done < due; done++) await step();
    if (done === next) {
      next += chunk;
      tell(more(done));
    }
    await sleep(2);
  }
};
