// waitFor() with handleError leaves its listener of errors behind.
'use strict';
const { run } = require('./probe');
const { EventEmitter2 } = require('eventemitter2');
const emitter = new EventEmitter2({ maxListeners: 0 });
const listeners = () => emitter.listeners('data').length + emitter.listeners('error').length;
run(async () => {
  const waiting = emitter.waitFor('data', { timeout: 0, handleError: true });
  emitter.emit('data', null, 1);
  await waiting;
}, { rate: 200, warm: 100, gauges: () => ({ listeners: listeners() }) });
