"""A service on CPython that keeps 1000 bytes of each request in its leaking form."""
import http.server
import sys

kept = []


class Handler(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def do_GET(self):
        block = bytes(1000)
        if sys.argv[2] == "leaking":
            kept.append(block)
        self.send_response(200)
        self.send_header("Content-Length", "2")
        self.end_headers()
        self.wfile.write(b"ok")

    def log_message(self, *_):
        pass


http.server.HTTPServer(("127.0.0.1", int(sys.argv[1])), Handler).serve_forever()
