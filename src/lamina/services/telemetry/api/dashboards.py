"""`/dashboard/...`: the pages, ours or the operator's own (spec/telemetry.md 9, B.5)."""

import re
from hashlib import sha256
from importlib import resources
from importlib.resources.abc import Traversable
from pathlib import Path

from lamina.kernel.contracts import Receive, Scope, Send
from lamina.kernel.web.respond import Header, Reply
from lamina.kernel.web.routing import Router
from lamina.services.telemetry.api.paths import given_path

NAMES = ("benchmarks", "profiling", "reputation", "live")
ASSETS = "assets"
FILE_BYTES_MAX = 4_194_304
DEPTH_MAX = 8
"""More slashes than anybody writes at a path's end."""
_PACKAGE = "lamina.services.telemetry.pages"
_TYPES = {
    ".html": b"text/html; charset=utf-8",
    ".css": b"text/css; charset=utf-8",
    ".js": b"text/javascript; charset=utf-8",
    ".json": b"application/json",
    ".svg": b"image/svg+xml",
    ".png": b"image/png",
    ".txt": b"text/plain; charset=utf-8",
}
_FILE = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,127}", re.ASCII)
_NOT_FOUND = Reply(404, b"", content_type=b"text/plain; charset=utf-8")
_POLICY: Header = (
    b"content-security-policy",
    (
        b"default-src 'none'; script-src 'self'; style-src 'self'; connect-src 'self'; img-src 'self' data:; "
        b"base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
    ),
)
_SAFE: tuple[Header, ...] = (
    (b"x-content-type-options", b"nosniff"),
    (b"referrer-policy", b"no-referrer"),
    (b"cache-control", b"no-cache"),
)


def add_dashboards(router: Router, assets_path: str) -> None:
    """Route every page.

    Args:
        router: the service's.
        assets_path: the operator's directory of pages; where it has `<name>/index.html`, that one is served,
            and without our content policy, since it may load what it likes.
    """
    built_in = resources.files(_PACKAGE)
    for name in NAMES:
        own = Path(assets_path) / name if assets_path else None
        if own is not None and (own / "index.html").is_file():
            router.add(f"/dashboard/{name}", {"GET": OwnFile(own, "index.html")})
            router.add(f"/dashboard/{name}/{{file}}", {"GET": OwnFile(own)})
        else:
            router.add(f"/dashboard/{name}", {"GET": BuiltInPage(built_in / name / "index.html")})
    for asset in (built_in / ASSETS).iterdir():
        router.add(f"/dashboard/{ASSETS}/{asset.name}", {"GET": _cached(asset.name, asset.read_bytes())})


class OwnFile:
    """A file of the operator's, read anew each time."""

    def __init__(self, directory: Path, name: str | None = None) -> None:
        """Prepare.

        Args:
            directory: nothing outside of it is ever served.
            name: the file; the one that the path names when absent.
        """
        self._directory = directory
        self._name = name

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer with the file, or 404."""
        name = self._name or scope["path_params"]["file"]
        reply = _read(self._directory / name) if _FILE.fullmatch(name) else _NOT_FOUND
        await reply(scope, receive, send)


class Cached:
    """A page that never changes, which a browser that has it need not be sent again."""

    def __init__(self, reply: Reply, tag: bytes) -> None:
        """Prepare.

        Args:
            reply: the page.
            tag: its entity tag.
        """
        self._reply = reply
        self._tag = tag
        self._unchanged = Reply(304, b"", [(b"etag", tag), *_SAFE])

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer with the page, or that it has not changed."""
        known = any(name == b"if-none-match" and self._tag in value for name, value in scope["headers"])
        await (self._unchanged if known else self._reply)(scope, receive, send)


class BuiltInPage:
    """A page of ours, with relative links, so that it works under any prefix that a proxy puts before it."""

    def __init__(self, file: Traversable) -> None:
        """Prepare.

        Args:
            file: HTML whose links to its neighbours begin with `./`.
        """
        self._name = file.name
        self._body = file.read_bytes()
        self._page = _cached(self._name, self._body)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer with the page; the same path with slashes at its end lies as many levels deeper."""
        path = given_path(scope)
        depth = min(len(path) - len(path.rstrip("/")), DEPTH_MAX)
        page = self._page
        if depth:
            page = _cached(self._name, self._body.replace(b'="./', b'="' + b"../" * depth))
        await page(scope, receive, send)


def _cached(name: str, body: bytes) -> Cached:
    tag = b'"%b"' % sha256(body).hexdigest()[:32].encode()
    kind = _TYPES.get(Path(name).suffix, b"application/octet-stream")
    return Cached(Reply(200, body, [(b"etag", tag), _POLICY, *_SAFE], content_type=kind), tag)


def _read(path: Path) -> Reply:
    try:
        if path.is_symlink() or not path.is_file() or path.stat().st_size > FILE_BYTES_MAX:
            return _NOT_FOUND
        body = path.read_bytes()
    except OSError:
        return _NOT_FOUND
    kind = _TYPES.get(path.suffix, b"application/octet-stream")
    return Reply(200, body, _SAFE, content_type=kind)
