"""A load on a running ledger that remembers every promise: creations, chains of transfers, rivals, repeats."""

import asyncio
import random
import threading
from collections import Counter
from collections.abc import Generator
from contextlib import contextmanager

import httpx
from tests import plain_http
from tests.ledger_transactions import Document, Wallet, id_of

CONNECTIONS = 6
REQUEST_TIMEOUT_S = 15.0
PAUSE_S = 0.015
AWAY_PAUSE_S = 0.1
# What the rules may say of a load that races itself; anything else is a defect.
EXPECTED_REFUSALS = {"DoubleSpend", "TransactionNotInValidBlock", "InputDoesNotExist"}


class Load:
    """Posts until stopped. A connection that breaks leaves its request's outcome unknown: no failure.

    Attributes:
        accepted: what was answered 202, by id.
        unknown: what may or may not have been accepted.
        answers: how often each kind of answer came.
        surprises: answers that no rule explains.
    """

    def __init__(self, url: str, seed: int) -> None:
        self.accepted: dict[str, Document] = {}
        self.unknown: dict[str, Document] = {}
        self.answers: Counter[str] = Counter()
        self.surprises: list[str] = []
        self._url = url
        self._random = random.Random(seed)
        self._wallet = Wallet()
        self._spendable: list[tuple[Document, int]] = []
        self._stopping = threading.Event()

    @contextmanager
    def running(self) -> Generator["Load"]:
        """Post from a thread of its own."""
        thread = threading.Thread(target=lambda: asyncio.run(self._run()), name="load")
        thread.start()
        try:
            yield self
        finally:
            self._stopping.set()
            thread.join()

    def post_one(self) -> bool:
        """Post one creation from the caller's thread; whether it was accepted."""
        document = self._wallet.create()
        try:
            answer = plain_http.post(f"{self._url}/api/v1/transactions", json=document, timeout=5)
        except httpx.TransportError:
            return False
        if answer.status_code == 202:
            self.accepted[id_of(document)] = document
        return answer.status_code == 202

    async def _run(self) -> None:
        async with asyncio.TaskGroup() as group:
            for _ in range(CONNECTIONS):
                group.create_task(self._keep_posting())

    async def _keep_posting(self) -> None:
        async with self._client() as client, self._client() as rival:
            while not self._stopping.is_set():
                await self._act(client, rival)
                await asyncio.sleep(PAUSE_S)

    def _client(self) -> httpx.AsyncClient:
        return plain_http.AsyncClient(base_url=self._url, timeout=REQUEST_TIMEOUT_S)

    async def _act(self, client: httpx.AsyncClient, rival: httpx.AsyncClient) -> None:
        choice = self._random.random()
        if choice < 0.2 and self.accepted:
            await self._post(client, self._known())
        elif choice < 0.6 and self._spendable:
            await self._spend(client, None if choice > 0.35 else rival)
        else:
            await self._post(client, self._wallet.create([1] * self._random.randint(1, 3)))

    def _known(self) -> Document:
        """Something that was posted before."""
        known = self.unknown if self.unknown and self._random.random() < 0.3 else self.accepted
        return known[self._random.choice(list(known))]

    async def _spend(self, client: httpx.AsyncClient, rival: httpx.AsyncClient | None) -> None:
        """Spend an output once, or twice at the same time over two connections."""
        source, index = self._spendable.pop(self._random.randrange(len(self._spendable)))
        clients = [client] if rival is None else [client, rival]
        spent = await asyncio.gather(
            *(self._post(each, self._wallet.transfer(source, [index])) for each in clients)
        )
        if not any(spent):
            self._spendable.append((source, index))

    async def _post(self, client: httpx.AsyncClient, document: Document) -> bool:
        tx_id = id_of(document)
        try:
            answer = await client.post("/api/v1/transactions", json=document)
        except httpx.ReadTimeout:
            self.surprises.append(f"{tx_id}: no answer within {REQUEST_TIMEOUT_S} s")
            return False
        except httpx.TransportError:
            self.answers["connection lost"] += 1
            self.unknown[tx_id] = document
            await asyncio.sleep(AWAY_PAUSE_S)
            return False
        return self._note(document, answer)

    def _note(self, document: Document, answer: httpx.Response) -> bool:
        """Remember what was promised."""
        if answer.status_code == 202:
            self.answers["accepted"] += 1
            if id_of(document) not in self.accepted:
                self.accepted[id_of(document)] = document
                self._spendable += [(document, index) for index in range(len(document["outputs"]))]
            return True
        if answer.status_code == 503:
            self.answers["unavailable"] += 1
            self.unknown[id_of(document)] = document
            return False
        reason = _reason(answer)
        self.answers[reason] += 1
        if reason not in EXPECTED_REFUSALS:
            self.surprises.append(f"{id_of(document)}: {answer.status_code} {answer.text[:200]}")
        return False


def _reason(answer: httpx.Response) -> str:
    """The class of a refusal."""
    if answer.status_code != 400:
        return str(answer.status_code)
    return str(answer.json()["message"]).removeprefix("Invalid transaction (").partition(")")[0]
