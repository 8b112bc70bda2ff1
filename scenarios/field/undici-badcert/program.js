// fetch() from a host whose certificate is refused keeps the connection's records.
'use strict';
const { run } = require('./probe');
const { fetch } = require('undici');
const https = require('https');
const { execFileSync } = require('child_process');
const [key, cert] = execFileSync('openssl', ['req', '-x509', '-newkey', 'rsa:2048', '-nodes', '-keyout', '-', '-days', '2',
  '-subj', '/CN=localhost'], { stdio: ['ignore', 'pipe', 'ignore'] }).toString().split(/(?=-----BEGIN CERTIFICATE)/);
const server = https.createServer({ key, cert }, (request, response) => response.end('ok'));
server.listen(0, '127.0.0.1', () => {
  const url = `https://127.0.0.1:${server.address().port}/`;
  run(() => fetch(url, { method: 'POST', body: 'x' }).catch(() => {}), { rate: 60, warm: 60, every: 500 });
});
