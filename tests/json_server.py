"""A small HTTP server whose answers a test chooses, and which remembers what it was asked."""

import contextlib
import threading
from collections.abc import Iterator
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer


@dataclass
class Answering:
    """Answers by path, query left out; 404 where there is none.

    Attributes:
        answers: path to status, headers, body.
        asked: method, path with query, body.
    """

    url: str = ""
    answers: dict[str, tuple[int, dict[str, str], bytes]] = field(default_factory=dict)
    asked: list[tuple[str, str, bytes]] = field(default_factory=list)

    def says(self, path: str, body: bytes = b"", status: int = 200, **headers: str) -> None:
        self.answers[path] = (status, headers, body)


@contextlib.contextmanager
def answering() -> Iterator[Answering]:
    """Serve until the end of the block."""
    told = Answering()

    class Handler(BaseHTTPRequestHandler):
        def _answer(self) -> None:
            body = self.rfile.read(int(self.headers.get("content-length", 0)))
            told.asked.append((self.command, self.path, body))
            status, headers, content = told.answers.get(self.path.partition("?")[0], (404, {}, b"Not Found"))
            self.send_response(status)
            for name, value in headers.items():
                self.send_header(name, value)
            self.send_header("Content-Length", str(len(content)))
            self.end_headers()
            if self.command != "HEAD":
                self.wfile.write(content)

        do_GET = do_POST = do_HEAD = _answer  # noqa: N815 - the server's names

        def log_message(self, *_: object) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    told.url = f"http://127.0.0.1:{server.server_port}"
    try:
        yield told
    finally:
        server.shutdown()
        server.server_close()
        thread.join()
