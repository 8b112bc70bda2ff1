// Every request leaves a callback on the promise of a cancel token that outlives it.
'use strict';
const { run } = require('./probe');
const axios = require('axios');
const http = require('http');
const server = http.createServer((request, response) => response.end('ok'));
server.listen(0, '127.0.0.1', () => {
  const url = `http://127.0.0.1:${server.address().port}/`;
  const cancelToken = axios.CancelToken.source().token;
  const httpAgent = new http.Agent({ keepAlive: true });
  run(() => axios.get(url, { cancelToken, httpAgent, proxy: false }), { rate: 200, warm: 200 });
});
