"""What runs in a signing process (`python -m` this module): it signs what it is told until nobody is there.

Its standard input is one end of a socket pair (see `signing_process`). The wallet comes on it, so that the
key stands in no argument list and no environment.
"""

import contextlib
import socket
import sys

from lamina.formats.ans104.wallet import Wallet
from lamina.services.scheduler.sequencer.signing_process import MESSAGE_BYTES, SIZE_BYTES


def main() -> None:
    """Read the wallet, then answer each message with its signature, in order."""
    with socket.socket(fileno=sys.stdin.fileno()) as end, end.makefile("rb") as asked:
        wallet = Wallet.from_jwk(asked.read(int.from_bytes(asked.read(SIZE_BYTES), "big")))
        with contextlib.suppress(ConnectionError):
            while len(message := asked.read(MESSAGE_BYTES)) == MESSAGE_BYTES:
                end.sendall(wallet.sign(message))


if __name__ == "__main__":
    main()
