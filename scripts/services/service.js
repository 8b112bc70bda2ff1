// A service on Node.js that tells its heap as prom-client does, and keeps some 1000 bytes of each
// request in its leaking form.
const http = require("node:http");
const [port, form] = process.argv.slice(2);
const kept = [];

http.createServer((request, response) => {
  if (request.url === "/metrics") {
    const { heapUsed, heapTotal } = process.memoryUsage();
    response.end(`nodejs_heap_size_used_bytes ${heapUsed}\nnodejs_heap_size_total_bytes ${heapTotal}\n`);
  } else if (request.url === "/gc") {
    global.gc();
    response.end("done");
  } else {
    // 123 numbers of eight bytes and the array's own words.
    const block = new Array(123).fill(0.5);
    if (form === "leaking") kept.push(block);
    response.end(String(block.length));
  }
}).listen(Number(port), "127.0.0.1");
