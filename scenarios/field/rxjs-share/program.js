// shareReplay stays subscribed to its source when nobody listens any more.
'use strict';
const { run } = require('./probe');
const { Subject } = require('rxjs');
const { shareReplay } = require('rxjs/operators');
const source = new Subject();
run(() => {
  // refCount is the fix's new option; the version before it does not know it.
  source.pipe(shareReplay({ bufferSize: 1, refCount: true })).subscribe(() => {}).unsubscribe();
}, { rate: 1000, gauges: () => ({ observers: source.observers.length }) });
