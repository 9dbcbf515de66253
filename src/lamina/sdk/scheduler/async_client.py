"""The async client; what it sends and how answers are read is in `calls`."""

from collections.abc import AsyncIterator, Sequence
from types import TracebackType
from typing import Self, TypeVar

import httpx

from lamina.formats.ans104 import SignedItem, Signer
from lamina.sdk.address import is_local
from lamina.sdk.scheduler import calls
from lamina.sdk.scheduler.calls import By, Call
from lamina.sdk.scheduler.client import PAGE_MESSAGES
from lamina.sdk.scheduler.documents import Page, Process, Scheduled, Time, Unit
from lamina.sdk.scheduler.errors import NotFound
from lamina.sdk.scheduler.items import Tags, signed_message, signed_spawn

T = TypeVar("T")


class AsyncSchedulerClient:
    """A unit at a URL, or a router to several; close it, or use it in an `async with` block.

    The methods are those of `SchedulerClient`, with the same arguments, results and errors. Signatures are
    made on the loop; a wallet's takes milliseconds.
    """

    def __init__(self, url: str, *, timeout_s: float = 30.0) -> None:
        """Open nothing yet.

        Args:
            url: the unit's address, such as `http://localhost:9000`.
            timeout_s: for connecting, and for each silence while an answer is expected.
        """
        self._http = httpx.AsyncClient(
            base_url=url, timeout=timeout_s, trust_env=not is_local(url), follow_redirects=True
        )

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.close()

    async def close(self) -> None:
        """Close the connections."""
        await self._http.aclose()

    async def unit(self) -> Unit:
        """See `SchedulerClient.unit`."""
        return await self._ask(calls.unit())

    async def time(self) -> Time:
        """See `SchedulerClient.time`."""
        return await self._ask(calls.time())

    async def spawn(self, signer: Signer, module: str, *, tags: Tags = (), data: bytes | str = b"") -> str:
        """See `SchedulerClient.spawn`."""
        scheduler = (await self.unit())["address"]
        return await self.post(signed_spawn(signer, module, scheduler, tags=tags, data=data))

    async def message(
        self, signer: Signer, process_id: str, *, tags: Tags = (), data: bytes | str = b""
    ) -> str:
        """See `SchedulerClient.message`."""
        return await self.post(signed_message(signer, process_id, tags=tags, data=data))

    async def post(self, item: SignedItem) -> str:
        """See `SchedulerClient.post`."""
        return (await self._ask(calls.post(item.to_bytes())))["id"]

    async def assign(
        self, process_id: str, item_id: str, *, base_layer: bool = False, exclude: Sequence[str] = ()
    ) -> str:
        """See `SchedulerClient.assign`."""
        return (await self._ask(calls.assign(process_id, item_id, exclude, base_layer=base_layer)))["id"]

    async def process(self, process_id: str) -> Process:
        """See `SchedulerClient.process`."""
        return await self._ask(calls.process(process_id))

    async def get(self, item_id: str, process_id: str | None = None) -> Scheduled:
        """See `SchedulerClient.get`."""
        return await self._ask(calls.message(item_id, process_id))

    async def latest(self, process_id: str) -> Scheduled | None:
        """See `SchedulerClient.latest`."""
        try:
            return await self._ask(calls.latest(process_id))
        except NotFound:
            return None

    async def page(
        self,
        process_id: str,
        *,
        after: int | None = None,
        until: int | None = None,
        limit: int | None = None,
        by: By = "nonce",
    ) -> Page:
        """See `SchedulerClient.page`."""
        return await self._ask(calls.page(process_id, after, until, limit, by))

    async def messages(
        self,
        process_id: str,
        *,
        after: int | None = None,
        until: int | None = None,
        by: By = "nonce",
        page_messages: int = PAGE_MESSAGES,
    ) -> AsyncIterator[Scheduled]:
        """See `SchedulerClient.messages`."""
        more = True
        while more:
            page = await self.page(process_id, after=after, until=until, limit=page_messages, by=by)
            for edge in page["edges"]:
                yield edge["node"]
            more = page["page_info"]["has_next_page"] and bool(page["edges"])
            after = int(page["edges"][-1]["cursor"]) if more else None

    async def _ask(self, call: Call[T]) -> T:
        answer = await self._http.request(
            call.method, call.path, params=call.query, content=call.body, headers=call.headers
        )
        return call.result(answer.status_code, answer.content)
