// What keeps what, in one line.
'use strict';
const { run } = require('./probe');
run(() => {
  // one operation
});
