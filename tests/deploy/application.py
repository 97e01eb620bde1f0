"""The application of the task, in a container of its own: Python's standard library and nothing else.

    application.py PORT

`/` answers the request's head as JSON, `/upload` the number of bytes it read. `/stream` sends its first part at once, and
the second one when `/open` was asked, so that a test holds a request open for as long as it wants and measures no time.
"""

import json
import sys
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

gate = threading.Event()


class Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def do_GET(self) -> None:
        if self.path == "/stream":
            self.stream()
        elif self.path == "/open":
            gate.set()
            self.answer({"open": True})
        else:
            self.answer({"path": self.path, "fields": [[name.lower(), value] for name, value in self.headers.items()]})

    def do_POST(self) -> None:
        left = length = int(self.headers["content-length"])
        while left > 0:
            left -= len(self.rfile.read(min(left, 65536)))
        self.answer({"read": length})

    def stream(self) -> None:
        gate.clear()
        self.send_response(200)
        self.send_header("content-type", "text/event-stream")
        self.send_header("transfer-encoding", "chunked")
        self.end_headers()
        self.part(b"data: first\n\n")
        if gate.wait(60):
            self.part(b"data: second\n\n")
            self.part(b"")

    def part(self, data: bytes) -> None:
        self.wfile.write(b"%x\r\n%s\r\n" % (len(data), data))
        self.wfile.flush()

    def answer(self, body: dict) -> None:
        data = json.dumps(body).encode()
        self.send_response(200)
        self.send_header("content-type", "application/json")
        self.send_header("content-length", str(len(data)))
        self.end_headers()
        self.wfile.write(data)

    def log_message(self, *_: object) -> None:
        """Nothing: heads hold tokens."""


ThreadingHTTPServer(("127.0.0.1", int(sys.argv[1])), Handler).serve_forever()
