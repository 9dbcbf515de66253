"""All chains and nodes as they are now; read this first.

What is heard may come from this process's sockets, from another process's, or from the store in the order of
`created_at`: the view does not care, and the same calls give the same state. Of one process are only the
connections themselves (their ids are the caller's choice, unique over all it hears) and with them
`ConnectionIdle` and `NodeMuted`, which concern who holds the socket; `TrafficMeter` and `BlockedAddresses`.
"""

from collections.abc import Callable, Hashable, Mapping, Sequence
from types import MappingProxyType
from typing import Any

from lamina.services.telemetry.live.chain import Chain
from lamina.services.telemetry.live.changes import Change, ConnectionIdle, MuteReason, NodeMuted
from lamina.services.telemetry.live.details import read_details, read_genesis_hash
from lamina.services.telemetry.live.fields import natural
from lamina.services.telemetry.live.limits import LiveLimits
from lamina.services.telemetry.live.messages import MEANINGS
from lamina.services.telemetry.live.node import Location, Node

FLAT_ID = 0
"""The id of messages without an envelope."""

_BERLIN: Location = (52.516666, 13.4, "Berlin")
_LOOPBACK = "127.0.0.1"


class LiveView:
    """Chains and nodes, from the messages of nodes.

    Attributes:
        limits: as they were given.
        chains: by genesis hash, the oldest first.
    """

    def __init__(self, limits: LiveLimits, locate: Callable[[str], Location | None] | None = None) -> None:
        """Start with no chain.

        Args:
            limits: what is taken.
            locate: where a host is, if that is known; asked once for each node that joins, with any text.
        """
        self.limits = limits
        self._locate = locate
        self._chains: dict[str, Chain] = {}
        self._connections: dict[Hashable, dict[int, Node]] = {}
        self.chains: Mapping[str, Chain] = MappingProxyType(self._chains)

    def hear(
        self,
        now_ms: int,
        connection_id: Hashable,
        envelope_id: object,
        ip: str | None,
        document: Mapping[str, Any],
    ) -> Sequence[Change]:
        """Take in one message.

        Args:
            now_ms: when it arrived, milliseconds since 1970; time that goes back counts as no time.
            connection_id: what it arrived on.
            envelope_id: the envelope's `id`, None for a flat message. With something else than a number that
                fits 64 bits the message is left aside.
            ip: where the connection is from, with or without a port; None if that is not known.
            document: the message as it is stored; any JSON object.

        Returns:
            What changed, in the order in which it is to be told.
        """
        message = document.get("msg")
        if not isinstance(message, str):
            return ()
        meaning = MEANINGS.get(message)
        if meaning is None:
            if message != "system.connected":
                return ()
            return self._join(now_ms, connection_id, envelope_id, ip, document)
        nodes = self._connections.get(connection_id)
        if nodes is None:
            return ()
        known_id = FLAT_ID if envelope_id is None else natural(envelope_id)
        node = None if known_id is None else nodes.get(known_id)
        if node is None:
            return ()
        return meaning(now_ms, self._chains[node.genesis_hash], node, document)

    def leave(self, connection_id: Hashable) -> Sequence[Change]:
        """Let all nodes of a connection go: it has ended."""
        changes: list[Change] = []
        for node in self._connections.pop(connection_id, {}).values():
            changes += self._dismiss(node)
        return changes

    def tick(self, now_ms: int) -> Sequence[Change]:
        """Let time pass: remove nodes that are silent for too long, take statistics. About once a second.

        Args:
            now_ms: milliseconds since 1970.

        Returns:
            What changed.
        """
        changes = self._remove_silent(now_ms) if self.limits.stale_node_timeout_seconds else []
        for chain in self._chains.values():
            taken = chain.take_statistics(now_ms)
            if taken is not None:
                changes.append(taken)
        return changes

    def _join(
        self,
        now_ms: int,
        connection_id: Hashable,
        envelope_id: object,
        ip: str | None,
        document: Mapping[str, Any],
    ) -> Sequence[Change]:
        known_id = FLAT_ID if envelope_id is None else natural(envelope_id)
        genesis_hash, details = read_genesis_hash(document), read_details(document, ip)
        if known_id is None or genesis_hash is None or details is None:
            return ()
        nodes = self._connections.get(connection_id, {})
        if known_id in nodes:
            nodes[known_id].heard_ms = now_ms
            return ()
        reason = self._refusal(genesis_hash, document["chain"], len(nodes))
        if reason is not None:
            return (NodeMuted(connection_id, known_id, reason),)
        chain = self._chains.get(genesis_hash)
        if chain is None:
            chain = self._chains[genesis_hash] = Chain(genesis_hash)
        node, changes = chain.admit(now_ms, details, self._find(details.ip))
        self._connections.setdefault(connection_id, nodes)[known_id] = node
        return changes

    def _refusal(self, genesis_hash: str, chain_name: str, joined: int) -> MuteReason | None:
        limits = self.limits
        if chain_name in limits.denylist:
            return "denylist"
        if 0 < limits.max_nodes_per_connection <= joined:
            return "max_nodes_per_connection"
        chain = self._chains.get(genesis_hash)
        if chain is None or genesis_hash in limits.first_party_genesis_hashes:
            return None
        return "max_third_party_nodes" if 0 < limits.max_third_party_nodes <= len(chain.nodes) else None

    def _find(self, host: str | None) -> Location | None:
        if host == _LOOPBACK:
            return _BERLIN
        return None if host is None or self._locate is None else self._locate(host)

    def _dismiss(self, node: Node) -> list[Change]:
        chain = self._chains[node.genesis_hash]
        changes = chain.dismiss(node)
        if not chain.nodes:
            del self._chains[node.genesis_hash]
        return changes

    def _remove_silent(self, now_ms: int) -> list[Change]:
        since_ms = now_ms - self.limits.stale_node_timeout_seconds * 1000
        silent = [
            (connection_id, known_id)
            for connection_id, nodes in self._connections.items()
            for known_id, node in nodes.items()
            if node.heard_ms <= since_ms
        ]
        changes: list[Change] = []
        for connection_id, known_id in silent:
            nodes = self._connections[connection_id]
            changes += self._dismiss(nodes.pop(known_id))
            if not nodes:
                del self._connections[connection_id]
                changes.append(ConnectionIdle(connection_id))
        return changes
