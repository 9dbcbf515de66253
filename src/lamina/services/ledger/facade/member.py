"""One node of a federation: its key, its keyring, its connection. The facade's methods build on it."""

from collections.abc import Coroutine, Iterable
from types import TracebackType
from typing import Any, Self, TypeVar

import structlog

from lamina.formats.signatures import KeyPair
from lamina.kernel.clock import Clock, SystemClock
from lamina.kernel.crypto.keys import NodeKey
from lamina.kernel.errors import ConfigurationError
from lamina.services.ledger.errors import IntegrityAlarm, KeypairNotFoundException
from lamina.services.ledger.facade.connection import Connection
from lamina.services.ledger.model.federation import Federation
from lamina.services.ledger.model.timestamp import write_timestamp
from lamina.services.ledger.settings import LedgerSettings

T = TypeVar("T")
_log = structlog.get_logger("lamina.ledger.facade")


class Member:
    """A node that can sign and that sees the chain through one connection."""

    def __init__(
        self,
        public_key: str | None = None,
        private_key: str | None = None,
        keyring: Iterable[str] = (),
        connection: Connection | str | None = None,
        backlog_reassign_delay: float | None = None,
    ) -> None:
        """Take a node's place; nothing is read from files or variables.

        Args:
            public_key: base58 ed25519 key.
            private_key: base58 of its 32-byte seed.
            keyring: public keys of the other nodes.
            connection: an open connection, which stays open, or a DSN to open one that `close` closes.
            backlog_reassign_delay: seconds after which a waiting transaction is stale; 120 when absent.

        Raises:
            KeypairNotFoundException: a key is missing.
            ConfigurationError: the keys cannot be used, or there is no connection.
            DatabaseUnavailable: nothing answers at the DSN.
        """
        self._settings = LedgerSettings()
        self._clock: Clock = SystemClock()
        self._node = _key_pair(public_key, private_key)
        self._federation = Federation.of(self._node.public, keyring)
        if backlog_reassign_delay is None:
            backlog_reassign_delay = self._settings.backlog_reassign_delay_s
        self.backlog_reassign_delay = backlog_reassign_delay
        if connection is None:
            raise ConfigurationError("No connection is given.", hint="Pass connection='postgresql://…'")
        self._owns_connection = isinstance(connection, str)
        self.connection = Connection(connection) if isinstance(connection, str) else connection

    @property
    def me(self) -> str:
        """This node's public key."""
        return self._node.public

    @property
    def nodes_except_me(self) -> list[str]:
        """The other nodes' public keys."""
        return list(self._federation.keyring)

    @property
    def federation(self) -> set[str]:
        """Everybody's public keys."""
        return set(self._federation.members)

    def close(self) -> None:
        """Close the connection if this object opened it."""
        if self._owns_connection:
            self.connection.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def _wait(self, work: Coroutine[Any, Any, T]) -> T:
        """Wait for work on the connection; integrity alarms are logged on their way (spec/ledger.md 5.6)."""
        try:
            return self.connection.run(work)
        except IntegrityAlarm as alarm:
            _log.critical("integrity alarm", code=alarm.code, detail=alarm.detail)
            raise

    def _timestamp(self) -> str:
        return write_timestamp(self._clock.time())


def _key_pair(public_key: str | None, private_key: str | None) -> KeyPair:
    if not public_key or not private_key:
        raise KeypairNotFoundException(hint="Pass public_key and private_key.")
    pair = NodeKey.from_private(private_key).pair
    if pair.public != public_key:
        raise ConfigurationError("The public key does not belong to the private key.")
    return pair
