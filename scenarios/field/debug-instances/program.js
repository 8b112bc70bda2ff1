// Every instance is kept in a list, so that enabling a name later reaches it.
'use strict';
const { run } = require('./probe');
const debug = require('debug');
let requests = 0;
run(() => { debug('app:request:' + requests++); });
