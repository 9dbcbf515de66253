"""What clients were told, and whether it is so; every chain worked out again from its first byte.

N: nonces follow each other. C: the hash chain. T: times increase. S: signed as it stands. O: one assignment for
an accepted message, and one upload. A: an answer says what is so. F: first come, first served within a unit.
E: everybody is answered in the end.
"""

from collections import Counter, defaultdict
from hashlib import sha256

from tests.simulation.scheduler.server import Message, Server, Transaction
from tests.simulation.scheduler.unit import Posted
from tests.simulation.scheduler.wallet import KeyedHash
from tests.simulation.violation import Violation

from lamina.formats import base64url
from lamina.formats.ans104.item import parse

Link = tuple[int, bytes, bytes, int]
"""Nonce, assignment's id, hash chain, time."""


class Promises:
    """Looks at every commit and every answer."""

    def __init__(self) -> None:
        self.server = Server(self.check_commit)
        self.answers: Counter[str] = Counter()
        self._ends: dict[bytes, Link] = {}
        self._stored: dict[tuple[bytes, bytes], int] = {}
        self._told: defaultdict[bytes, Counter[str]] = defaultdict(Counter)
        self._posts: Counter[bytes] = Counter()
        self._came: defaultdict[tuple[int, int, bytes], list[bytes]] = defaultdict(list)

    def begin(self, process_id: bytes, end: Link) -> None:
        """A process is there, before anything goes wrong."""
        self._ends[process_id] = end

    def came(self, place: tuple[int, int], posted: Posted) -> None:
        """A unit in one of its lives is asked."""
        self._posts[posted.message_id] += 1
        self._came[(*place, posted.process_id)].append(posted.message_id)

    def check_commit(self, transaction: Transaction) -> None:
        """What is committed continues what was committed before."""
        for message in transaction.messages:
            self._check_link(message)
        uploads = Counter(transaction.uploads)
        if uploads != Counter((each.process_id, each.nonce) for each in transaction.messages):
            raise Violation("O", "what is stored is not what is going to be uploaded")
        for process_id, head in transaction.heads.items():
            nonce, assignment_id, chain, ts = self._ends[process_id]
            if (head.nonce, head.assignment_id, head.hash_chain, head.ts) != (
                nonce,
                assignment_id,
                chain,
                ts,
            ):
                raise Violation("C", f"the head with nonce {head.nonce} is not the last assignment, {nonce}")

    def _check_link(self, message: Message) -> None:
        nonce, last_id, last_chain, ts = self._ends[message.process_id]
        if message.nonce != nonce + 1:
            raise Violation("N", f"nonce {message.nonce} after {nonce}")
        item = parse(message.assignment)
        chain = sha256(message.process_id if nonce < 0 else last_id + last_chain).digest()
        tags = {tag.name: tag.value for tag in item.tags}
        if tags["Hash-Chain"] != base64url.encode(chain):
            raise Violation("C", f"the hash chain is broken at nonce {message.nonce}")
        if message.ts <= ts or tags["Timestamp"] != str(message.ts):
            raise Violation("T", f"time {tags['Timestamp']} after {ts} at nonce {message.nonce}")
        signed = sha256(item.signature).digest()
        if not KeyedHash().verify(item) or signed != message.assignment_id:
            raise Violation("S", f"nonce {message.nonce} is not signed as it stands")
        named = (tags["Process"], tags["Nonce"], tags["Message"])
        expected = (message.process_id, message.message_id)
        if named != (base64url.encode(expected[0]), str(message.nonce), base64url.encode(expected[1])):
            raise Violation("S", f"the assignment at nonce {message.nonce} says {named}")
        if message.item is not None:
            if expected in self._stored:
                raise Violation("O", f"a message has nonces {self._stored[expected]} and {message.nonce}")
            self._stored[expected] = message.nonce
        self._ends[message.process_id] = (message.nonce, signed, chain, message.ts)

    def told(self, posted: Posted, answer: str, assignment_id: bytes | None = None) -> None:
        """A client has its answer."""
        self.answers[answer] += 1
        if posted.item is not None:
            self._told[posted.message_id][answer] += 1
        if answer == "stored":
            self._check_stored(posted, assignment_id)
        elif answer == "exists" and not self._is_there(posted):
            raise Violation("A", "a message is said to exist that is nowhere")
        elif answer == "said" and not any(
            (posted.process_id, each) in self.server.hashes for each in posted.deep_hashes
        ):
            raise Violation("A", "a message is refused as said before, and nobody said it")

    def _is_there(self, posted: Posted) -> bool:
        """The message, or the same in another spelling."""
        is_respelled = (posted.process_id, posted.payload) in self.server.hashes
        return posted.message_id in self.server.by_message or is_respelled

    def _check_stored(self, posted: Posted, assignment_id: bytes | None) -> None:
        row = self.server.by_assignment.get(assignment_id or b"")
        if row is None:
            raise Violation("A", "an assignment was answered that is not stored")
        if (row.process_id, row.message_id, row.item) != (posted.process_id, posted.message_id, posted.item):
            raise Violation("A", "an assignment was answered that is another message's")
        if posted.item is not None and self._told[posted.message_id]["stored"] > 1:
            raise Violation("A", "one message was accepted twice")

    def check_end(self) -> None:
        """After everything: nobody was refused what was done, and nobody was overtaken."""
        for message_id, told in self._told.items():
            is_stored = message_id in self.server.by_message
            if told["stored"] and not is_stored:
                raise Violation("O", "an accepted message is not stored")
            if is_stored and not told["stored"] and not told["unknown"]:
                raise Violation("A", "a message is stored, and all who posted it were refused")
        for (number, life, process_id), message_ids in self._came.items():
            once = [each for each in message_ids if self._posts[each] == 1]
            stored = [self._stored.get((process_id, each)) for each in once]
            nonces = [each for each in stored if each is not None]
            if nonces != sorted(nonces):
                raise Violation("F", f"unit {number} in life {life} gave places {nonces} out of order")
