// A loop in one generator grows a chain of promises, each resolved by the next.
'use strict';
const { run } = require('./probe');
const co = require('co');
let wake;
co(function* () { for (;;) yield new Promise((resolve) => { wake = resolve; }); });
run(async () => { wake(); await null; await null; await null; }, { rate: 20000 });
