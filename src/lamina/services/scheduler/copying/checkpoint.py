"""How far an unfinished migration is, so that the next one of the same range goes on there."""

import json
from dataclasses import dataclass
from pathlib import Path

from lamina.services.scheduler.errors import DiskStoreFailed
from lamina.services.scheduler.store.timeline import Point


@dataclass(frozen=True, slots=True)
class Progressed:
    """The last message that was handed over, and how many there were up to it."""

    last: Point
    done: int


class Checkpoint:
    """A small file beside the store; renamed into place, so that it is whole or not there."""

    def __init__(self, file: Path) -> None:
        """Name the file."""
        self.file = file

    def read(self) -> Progressed | None:
        """What was kept; None where there is nothing, or nothing that can be read."""
        try:
            found = json.loads(self.file.read_bytes())
            last = Point(int(found["ts"]), bytes.fromhex(found["process_id"]), int(found["nonce"]))
            return Progressed(last, int(found["done"]))
        except (OSError, ValueError, KeyError, TypeError):
            return None

    def keep(self, progressed: Progressed) -> None:
        """Remember it.

        Raises:
            DiskStoreFailed: it cannot be written.
        """
        last = progressed.last
        document = {
            "ts": last.ts, "process_id": last.process_id.hex(), "nonce": last.nonce, "done": progressed.done
        }  # fmt: skip
        try:
            self.file.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
            aside = self.file.with_suffix(".new")
            aside.write_text(json.dumps(document))
            aside.rename(self.file)
        except OSError as error:
            raise DiskStoreFailed(self.file, str(error)) from error

    def remove(self) -> None:
        """Forget it: the migration is complete."""
        self.file.unlink(missing_ok=True)
