"""What runs in a signing process (`python -m` this module): it signs what it is told until nobody is there.

Its standard input is one end of a socket pair (see `signing_process`). The wallet comes on it, so that the
key stands in no argument list and no environment.
"""

import contextlib
import socket
import sys
from io import BufferedIOBase

import msgspec

from lamina.formats.ans104.wallet import Wallet
from lamina.services.scheduler.rules.assignment import assign
from lamina.services.scheduler.sequencer.signing_process import SIZE_BYTES, Answer, Asked, framed

_lots = msgspec.msgpack.Decoder(list[Asked])


def main() -> None:
    """Read the wallet, then answer each lot with what it asks for, in order."""
    with socket.socket(fileno=sys.stdin.fileno()) as end, end.makefile("rb") as asked:
        wallet = Wallet.from_jwk(_next(asked))
        with contextlib.suppress(ConnectionError):
            while lot := _next(asked):
                answers = [_signed(each, wallet) for each in _lots.decode(lot)]
                end.sendall(framed(msgspec.msgpack.encode(answers)))


def _next(asked: BufferedIOBase) -> bytes:
    """What comes next; nothing when nobody is there any more."""
    size = int.from_bytes(asked.read(SIZE_BYTES), "big")
    content = asked.read(size)
    return content if len(content) == size else b""


def _signed(asked: Asked, wallet: Wallet) -> Answer:
    return wallet.sign(asked) if isinstance(asked, bytes) else assign(asked, wallet)


if __name__ == "__main__":
    main()
