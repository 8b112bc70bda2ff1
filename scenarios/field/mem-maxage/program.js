// Results stay in the cache after `maxAge`, until the same key is asked for again: here, never.
'use strict';
const { run } = require('./probe');
const mem = require('mem');
const look = mem((key) => 'v' + key + 'x'.repeat(200), { maxAge: 50 });
let keys = 0;
run(() => { look('key' + keys++); }, { rate: Number(process.env.RATE || 400) });
