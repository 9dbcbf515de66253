"""The node's ed25519 key: one file per node, made on first use, never shown."""

import json
from dataclasses import dataclass, field
from pathlib import Path
from typing import Self

from lamina.formats import base58
from lamina.formats.errors import FormatError
from lamina.formats.signatures import KeyPair, new_seed
from lamina.kernel.crypto.secret_file import create_secret, read_secret
from lamina.kernel.errors import ConfigurationError, SecretFileError


@dataclass(frozen=True, slots=True)
class NodeKey:
    """A key that signs for a node; equal when the public keys are. Its text never shows the secret."""

    public: str
    private: str = field(repr=False, compare=False)
    pair: KeyPair = field(repr=False, compare=False)

    @classmethod
    def generate(cls) -> Self:
        """A new random key."""
        return cls.from_private(base58.encode(new_seed()))

    @classmethod
    def from_private(cls, text: str) -> Self:
        """The key of a private key as the original writes it: base58 of a 32-byte seed (spec/ledger.md 1.1).

        Raises:
            ConfigurationError: the text is not that; the message does not repeat it.
        """
        try:
            pair = KeyPair.from_seed_base58(text)
        except FormatError:
            raise ConfigurationError(
                "the private key is not base58 of 32 bytes", hint="Run: lamina keys new"
            ) from None
        return cls(pair.public, text, pair)

    def sign(self, message: bytes) -> bytes:
        """The 64-byte signature over `message`."""
        return self.pair.sign(message)


def load_or_create(path: Path, *, allow_readable: bool = False) -> NodeKey:
    """The key in a file; of several processes that find none, one makes it and all return it.

    Args:
        path: JSON `{"public": …, "private": …}`, both base58, mode 0600. Its directory must exist.
        allow_readable: accept a file that other accounts may read.

    Raises:
        SecretFileError: the file cannot be used or made, is not such JSON, or its keys do not match.
    """
    if not path.exists():
        key = NodeKey.generate()
        content = json.dumps({"public": key.public, "private": key.private}) + "\n"
        if create_secret(path, content.encode()):
            return key
    return load(path, allow_readable=allow_readable)


def load(path: Path, *, allow_readable: bool = False) -> NodeKey:
    """The key in a file that `load_or_create` made.

    Raises:
        SecretFileError: as `load_or_create`.
    """
    content = read_secret(path, allow_readable=allow_readable)
    try:
        document = json.loads(content)
        public, private = document["public"], document["private"]
        key = NodeKey.from_private(private)
    except (ValueError, TypeError, KeyError, ConfigurationError):
        raise SecretFileError(f"{path} is not a key file", hint=_restore_hint(path)) from None
    if key.public != public:
        raise SecretFileError(f"the keys in {path} do not belong together", hint=_restore_hint(path))
    return key


def _restore_hint(path: Path) -> str:
    return f"Restore {path} from a backup; without it this node cannot sign as itself"
