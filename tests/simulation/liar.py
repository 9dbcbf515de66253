"""The shared log as it lies to one reader, and to nobody else."""

from collections.abc import Sequence
from dataclasses import replace

from tests.simulation.log_connection import LogConnection
from tests.simulation.profile import Lie

from lamina.formats.hashes import sha3_256_hex
from lamina.services.ledger.model.entry import Entry


class LyingConnection(LogConnection):
    """What stands at one position is hidden, altered or replaced, every time it is asked for."""

    lie: Lie | None = None
    lie_seq = 0
    has_lied = False

    async def read(self, after_seq: int, limit: int) -> Sequence[Entry]:
        shown: list[Entry] = []
        for entry in await super().read(after_seq, limit):
            if self.lie is None or entry.seq != self.lie_seq:
                shown.append(entry)
                continue
            self.has_lied = True
            self.network.count(f"lie_{self.lie}")
            match self.lie:
                case Lie.GAP:
                    continue
                case Lie.OTHER_BYTES:
                    shown.append(replace(entry, body=entry.body.replace(b'"amount":"', b'"amount":"1', 1)))
                case Lie.REWRITTEN:
                    shown.append(replace(entry, block_id=sha3_256_hex(entry.block_id.encode())))
                case Lie.REPEATED:
                    shown.append(replace(entry, block_id=entry.previous))
                case Lie.NO_ID:
                    shown.append(replace(entry, block_id=entry.block_id[:-2]))
        return shown
