"""A gateway and uploader that outlives the platform under test, and remembers every byte it was handed."""

import contextlib
import json
import threading
from collections.abc import Generator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

from tests.ans104_reference import bundled, parse

HEIGHT = 1_500_000


class _Server(ThreadingHTTPServer):
    daemon_threads = True

    def handle_error(self, *_: object) -> None:
        """Clients that are killed leave their connections as they are."""


class Uploads:
    """What was uploaded."""

    def __init__(self) -> None:
        self.bodies: list[bytes] = []
        self.refusing = 0
        self.url = ""

    def ids(self) -> set[str]:
        """Ids of everything that arrived, bundled or by itself."""
        return {item.id for body in list(self.bodies) for item in (parse(body), *bundled(parse(body)))}

    @contextlib.contextmanager
    def running(self) -> Generator["Uploads"]:
        """Listen on a free port."""
        server = _Server(("127.0.0.1", 0), self._handler())
        self.url = f"http://127.0.0.1:{server.server_port}"
        thread = threading.Thread(target=server.serve_forever, name="uploads", daemon=True)
        thread.start()
        try:
            yield self
        finally:
            server.shutdown()
            server.server_close()
            thread.join()

    def _handler(self) -> type[BaseHTTPRequestHandler]:
        uploads = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_GET(self) -> None:
                self._answer(200, {"height": HEIGHT, "current": "x" * 64})

            def do_POST(self) -> None:
                body = self.rfile.read(int(self.headers["content-length"]))
                if uploads.refusing > 0:
                    uploads.refusing -= 1
                    self._answer(503, {})
                    return
                uploads.bodies.append(body)
                self._answer(200, {"id": parse(body).id})

            def _answer(self, status: int, document: object) -> None:
                body = json.dumps(document).encode()
                self.send_response(status)
                self.send_header("content-length", str(len(body)))
                self.end_headers()
                self.wfile.write(body)

            def log_request(self, *_: object) -> None:
                """Say nothing."""

        return Handler
