// An object that lives long keeps a record for every property that was ever watched.
'use strict';
const { run } = require('./probe');
const { reactive, effect, stop } = require('@vue/reactivity');
const table = reactive({});
let rows = 0;
run(() => {
  const key = 'row' + rows++;
  stop(effect(() => table[key]));
}, { rate: 3000, warm: 70000 }); // the table of the map does not double between 65,536 and 131,072
