"""Messages of files, one a line, in pieces as they can be had: a pipe may never end."""

import asyncio
import gzip
import sys
import threading
import zlib
from collections.abc import AsyncGenerator, Callable, Generator, Iterable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from lamina.kernel.errors import LaminaError

PIECE_BYTES = 65_536
LINE_BYTES_MAX = 268_435_456
"""The largest message that any receiver can be set to take."""

STDIN = Path("-")

Piece = list[bytes]
Read = Callable[[int], bytes | None]


class InputUnreadable(LaminaError):
    """A file cannot be read to its end."""

    code = "input_unreadable"
    exit_code = 4


async def pieces(paths: Iterable[Path]) -> AsyncGenerator[Piece]:
    """The lines of all files without their breaks, blank ones left out, in pieces of what was there to read.

    A thread reads, since a pipe may be silent for ever; it dies with the process.

    Args:
        paths: in order; `-` is standard input, what ends in .gz is unpacked.

    Raises:
        InputUnreadable: there is no such file, or it is damaged, or a line does not end.
    """
    loop = asyncio.get_running_loop()
    queue: asyncio.Queue[Piece | InputUnreadable | None] = asyncio.Queue(maxsize=2)

    def hand_on(item: Piece | InputUnreadable | None) -> None:
        asyncio.run_coroutine_threadsafe(queue.put(item), loop).result()

    def read() -> None:
        with suppress(RuntimeError):  # the loop is closed: nobody wants the rest
            try:
                for piece in read_lines(paths):
                    hand_on(piece)
                hand_on(None)
            except InputUnreadable as error:
                hand_on(error)

    threading.Thread(target=read, daemon=True).start()
    while (item := await queue.get()) is not None:
        if isinstance(item, InputUnreadable):
            raise item
        yield item


def read_lines(paths: Iterable[Path]) -> Iterator[Piece]:
    """The same where waiting does no harm.

    Raises:
        InputUnreadable: as there.
    """
    for path in paths:
        try:
            with _reading(path) as read:
                yield from _lines(read, path)
        except (OSError, EOFError, zlib.error) as error:
            raise InputUnreadable(f"{path} cannot be read: {error}") from error


@contextmanager
def _reading(path: Path) -> Generator[Read]:
    """What reads some bytes as soon as there are any; nothing at the end."""
    if path == STDIN:
        # Unbuffered: the interpreter's own buffer has a lock that a waiting thread would hold at the end.
        with open(sys.stdin.fileno(), "rb", buffering=0, closefd=False) as stream:
            yield stream.read
    elif path.suffix == ".gz":
        with gzip.open(path) as stream:
            yield stream.read1
    else:
        with path.open("rb", buffering=0) as stream:
            yield stream.read


def _lines(read: Read, path: Path) -> Iterator[Piece]:
    begun: Piece = []
    size = 0
    while piece := read(PIECE_BYTES):
        *whole, rest = piece.split(b"\n")
        if whole:
            whole[0] = b"".join([*begun, whole[0]])
            begun, size = [], 0
            yield [line for each in whole if (line := each.strip())]
        begun.append(rest)
        size += len(rest)
        if size > LINE_BYTES_MAX:
            raise InputUnreadable(f"{path} has a line of more than {LINE_BYTES_MAX} bytes")
    last = b"".join(begun).strip()
    if last:
        yield [last]
