"""The blocking client; what it sends and how answers are read is in `calls`."""

from collections.abc import Iterator, Sequence
from types import TracebackType
from typing import Self, TypeVar

import httpx

from lamina.formats.ans104 import SignedItem, Signer
from lamina.sdk.address import is_local
from lamina.sdk.scheduler import calls
from lamina.sdk.scheduler.calls import By, Call
from lamina.sdk.scheduler.documents import Page, Process, Scheduled, Time, Unit
from lamina.sdk.scheduler.errors import NotFound
from lamina.sdk.scheduler.items import Tags, signed_message, signed_spawn

T = TypeVar("T")

PAGE_MESSAGES = 1000


class SchedulerClient:
    """A unit at a URL, or a router to several; close it, or use it in a `with` block.

    Besides what they say themselves, all methods raise `SchedulerError` for an answer that is an error
    (`Refused` for 400, 403 and 413, of which `NotFound` is one), and `httpx.TransportError` when there is no
    answer. Redirects, with which routers answer, are followed.
    """

    def __init__(self, url: str, *, timeout_s: float = 30.0) -> None:
        """Open nothing yet.

        Args:
            url: the unit's address, such as `http://localhost:9000`.
            timeout_s: for connecting, and for each silence while an answer is expected.
        """
        self._http = httpx.Client(
            base_url=url, timeout=timeout_s, trust_env=not is_local(url), follow_redirects=True
        )

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        """Close the connections."""
        self._http.close()

    def unit(self) -> Unit:
        """Whose unit it is; a router has none to show."""
        return self._ask(calls.unit())

    def time(self) -> Time:
        """The network's height and the unit's time."""
        return self._ask(calls.time())

    def spawn(self, signer: Signer, module: str, *, tags: Tags = (), data: bytes | str = b"") -> str:
        """Build, sign and post a spawn for this unit.

        Args:
            signer: who owns the process: a `Wallet`, an `Ed25519Signer`, or any other signer.
            module: id of the program that it runs.
            tags: more tags.
            data: what it starts with.

        Returns:
            The id of the process, which is durable.
        """
        return self.post(signed_spawn(signer, module, self.unit()["address"], tags=tags, data=data))

    def message(self, signer: Signer, process_id: str, *, tags: Tags = (), data: bytes | str = b"") -> str:
        """Build, sign and post a message.

        Args:
            signer: who says it.
            process_id: to whom.
            tags: more tags, such as an `Action`.
            data: what is said.

        Returns:
            The id of the message, which has its place and is durable.

        Raises:
            FormatError: not the id of a process.
        """
        return self.post(signed_message(signer, process_id, tags=tags, data=data))

    def post(self, item: SignedItem) -> str:
        """Post an item that is signed already.

        After a lost answer the same item may be posted again: a spawn is answered as before, a message is
        `Refused` as one that exists.

        Returns:
            Its id.
        """
        return self._ask(calls.post(item.to_bytes()))["id"]

    def assign(
        self, process_id: str, item_id: str, *, base_layer: bool = False, exclude: Sequence[str] = ()
    ) -> str:
        """Give a place to something that the network knows already.

        Args:
            process_id: where.
            item_id: what.
            base_layer: whether it must be a transaction that lies deep enough.
            exclude: fields that readers are asked to leave out.

        Returns:
            The id of the assignment; each call makes another one.
        """
        return self._ask(calls.assign(process_id, item_id, exclude, base_layer=base_layer))["id"]

    def process(self, process_id: str) -> Process:
        """A process.

        Raises:
            NotFound: it was not spawned here.
        """
        return self._ask(calls.process(process_id))

    def get(self, item_id: str, process_id: str | None = None) -> Scheduled:
        """A message.

        Args:
            item_id: of the message, or of its assignment.
            process_id: where it is, which only routers need to know.

        Raises:
            NotFound: there is none.
        """
        return self._ask(calls.message(item_id, process_id))

    def latest(self, process_id: str) -> Scheduled | None:
        """The newest message of a process; None while it has none."""
        try:
            return self._ask(calls.latest(process_id))
        except NotFound:
            return None

    def page(
        self,
        process_id: str,
        *,
        after: int | None = None,
        until: int | None = None,
        limit: int | None = None,
        by: By = "nonce",
    ) -> Page:
        """Some messages of a process, ascending.

        Args:
            process_id: whose.
            after: only behind this nonce or time, such as the last page's last cursor.
            until: only up to this one.
            limit: at most so many; as many as the unit gives when absent.
            by: whether bounds and cursors are nonces or times.

        Raises:
            NotFound: it was not spawned here.
        """
        return self._ask(calls.page(process_id, after, until, limit, by))

    def messages(
        self,
        process_id: str,
        *,
        after: int | None = None,
        until: int | None = None,
        by: By = "nonce",
        page_messages: int = PAGE_MESSAGES,
    ) -> Iterator[Scheduled]:
        """All messages of a process, ascending, read page by page as they are iterated over.

        Args:
            process_id: whose.
            after: only behind this nonce or time.
            until: only up to this one.
            by: whether bounds are nonces or times.
            page_messages: messages asked for at once.

        Raises:
            NotFound: it was not spawned here.
        """
        more = True
        while more:
            page = self.page(process_id, after=after, until=until, limit=page_messages, by=by)
            yield from (edge["node"] for edge in page["edges"])
            more = page["page_info"]["has_next_page"] and bool(page["edges"])
            after = int(page["edges"][-1]["cursor"]) if more else None

    def _ask(self, call: Call[T]) -> T:
        answer = self._http.request(
            call.method, call.path, params=call.query, content=call.body, headers=call.headers
        )
        return call.result(answer.status_code, answer.content)
