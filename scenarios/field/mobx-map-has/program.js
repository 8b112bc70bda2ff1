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
}, { rate: 800, warm: 17000 }); // the table of the map does not double between 16,384 and 32,768
