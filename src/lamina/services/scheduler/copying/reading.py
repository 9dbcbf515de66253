"""Messages of an index as the disk store keeps them, in portions that memory has room for."""

from collections.abc import Iterator, Sequence

from lamina.kernel.storage.database import Database, Record
from lamina.services.scheduler.copying.listing import place_of
from lamina.services.scheduler.disk.nested import Nested, pack
from lamina.services.scheduler.store import messages

PORTION_BYTES = 16 << 20
"""Of messages in memory at once; one larger message is a portion of its own."""


def portions(index: Sequence[Record]) -> Iterator[Sequence[Record]]:
    """An index in pieces of bounded size."""
    portion: list[Record] = []
    total = 0
    for row in index:
        if portion and total + row["bytes"] > PORTION_BYTES:
            yield portion
            portion, total = [], 0
        portion.append(row)
        total += row["bytes"]
    if portion:
        yield portion


async def read_values(database: Database, index: Sequence[Record]) -> dict[bytes, bytes]:
    """Keys and values of these messages."""
    found = await messages.find_bodies(database, index)
    return {
        place_of(row).key: pack(
            row["assignment_id"], row["message_id"], Nested(body["assignment"], body["item"])
        )
        for row in index
        if (body := found.get(row["assignment_id"])) is not None
    }
