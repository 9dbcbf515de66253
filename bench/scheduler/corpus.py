"""What clients post, signed before a measurement and kept in the temporary directory for the next one.

Every fourth message is signed with RSA-4096, the others with ed25519. A client's signature with RSA costs as
much as the unit's, so they are made once.
"""

import os
import tempfile
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from hashlib import sha256
from pathlib import Path

import msgspec
from tests.scheduler_unit import message, spawn

from bench.ledger.load import Request
from lamina.formats.ans104.signed_item import SignedItem
from lamina.formats.ans104.signers import Ed25519Signer, Signer
from lamina.formats.ans104.wallet import Wallet
from lamina.kernel.crypto.secret_file import create_secret, read_secret

DATA_BYTES = 2048
RSA_EVERY = 4


def wallet_file(name: str) -> Path:
    """A throw-away wallet of this name, the same in every run."""
    path = _kept() / f"{name}.wallet.json"
    if not path.exists():
        create_secret(path, Wallet.generate().jwk())
    return path


def spawns(count: int) -> list[SignedItem]:
    """Processes, the same in every run."""
    return [spawn(_ed25519(f"process {number}"), data=b"%d" % number) for number in range(count)]


def messages(label: str, to: Sequence[SignedItem], count: int) -> list[bytes]:
    """`count` different messages to these processes in turn; the same in every run."""
    path = _kept() / f"{label.replace(' ', '-')}-{len(to)}-{count}.msgpack"
    if path.exists():
        return msgspec.msgpack.decode(path.read_bytes(), type=list[bytes])
    rsa = Wallet.from_jwk(read_secret(wallet_file("client")))
    ed25519 = _ed25519("client")

    def sign(number: int) -> bytes:
        by: Signer = ed25519 if number % RSA_EVERY else rsa
        return message(by, to[number % len(to)], _data(label, number)).to_bytes()

    with ThreadPoolExecutor(os.cpu_count()) as threads:
        signed = list(threads.map(sign, range(count)))
    path.write_bytes(msgspec.msgpack.encode(signed))
    return signed


def list_messages(label: str, to: SignedItem, count: int) -> Iterator[bytes]:
    """`count` messages to one process, signed with ed25519 alone."""
    by = _ed25519("client")
    for number in range(count):
        yield message(by, to, _data(label, number)).to_bytes()


def posts(items: Sequence[bytes]) -> list[Request]:
    """Requests that post these items."""
    return [Request(b"", _post(item)) for item in items]


def _post(item: bytes) -> bytes:
    head = f"POST / HTTP/1.1\r\nHost: scheduler\r\nContent-Length: {len(item)}\r\n"
    return head.encode() + b"Content-Type: application/octet-stream\r\nAccept: */*\r\n\r\n" + item


def _data(label: str, number: int) -> bytes:
    """Text of the size of an average message, some of it to be escaped in JSON."""
    line = f'{{"Action": "{label}", "Number": "{number}"}}\n'.encode()
    return (line * (DATA_BYTES // len(line) + 1))[:DATA_BYTES]


def _ed25519(name: str) -> Ed25519Signer:
    return Ed25519Signer.from_seed(sha256(f"bench {name}".encode()).digest())


def _kept() -> Path:
    """A directory of this user's for what is dear to make."""
    path = Path(tempfile.gettempdir()) / f"lamina-bench-scheduler-{os.getuid()}"
    path.mkdir(mode=0o700, exist_ok=True)
    return path
