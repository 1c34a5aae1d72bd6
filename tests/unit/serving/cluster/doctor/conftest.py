import json
import threading
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest


class HttpServer:
    """An HTTP server on a free port that gives one answer, and keeps what it was asked."""

    def __init__(self, status, body, headers):
        self.seen = []
        outer = self

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self):
                outer.seen.append((self.path, dict(self.headers)))
                self.send_response(status)
                for name, value in headers.items():
                    self.send_header(name, value)
                self.send_header("Content-Length", str(len(body)))
                self.end_headers()
                self.wfile.write(body)

            def log_message(self, *arguments):
                """Say nothing."""

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self.server.server_address[1]}"


@pytest.fixture
def answering():
    """Serves HTTP with this status, body and headers until the block is left."""

    @contextmanager
    def serve(status=200, value=None, headers=None):
        body = value if isinstance(value, bytes) else json.dumps(value).encode()
        http = HttpServer(status, body, headers or {})
        thread = threading.Thread(target=http.server.serve_forever, args=(0.01,))
        thread.start()
        try:
            yield http
        finally:
            http.server.shutdown()
            thread.join()
            http.server.server_close()

    return serve


@pytest.fixture
def levels():
    """Returns how bad each finding is."""
    return lambda findings: [str(each.level) for each in findings]
