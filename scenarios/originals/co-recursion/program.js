// A task that goes on by calling itself: no turn can end before the next one has, so each stays.
'use strict';
const { run } = require('./probe');
const co = require('co');

let wake;
const pause = () => new Promise((resolve) => { wake = resolve; });

const forms = {
  'co-recursive': () => co(function* task() { yield pause(); yield task(); }),
  'co-loop': () => co(function* () { for (;;) yield pause(); }),
  'async-recursive': () => (async function task() { await pause(); await task(); })(),
  'async-return': () => (async function task() { await pause(); return task(); })(),
  'async-loop': () => (async () => { for (;;) await pause(); })(),
};

exports.task = forms[process.argv[2]](); // held, as whoever waits for the task holds it
run(async () => {
  const last = wake;
  last();
  while (wake === last) await null; // until the task has asked for its next pause
}, { rate: 5000, warm: 20000 }); // V8 compiles what runs often: that is over when counting begins
