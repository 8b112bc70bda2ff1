// An observable map keeps an entry for every key that has() was asked for.
'use strict';
const { run } = require('./probe');
const { observable, autorun } = require('mobx');
const map = observable.map({}, { deep: false });
run(() => {
  const key = { id: 1 };
  const stop = autorun(() => map.has(key));
  map.set(key, 1);
  map.delete(key);
  stop();
}, { rate: 2000 });
