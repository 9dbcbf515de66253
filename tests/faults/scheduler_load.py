"""A load on a running scheduler that remembers every answer: several processes, repeats, and the same again."""

import asyncio
import os
import random
import threading
import time
from collections import Counter, defaultdict
from collections.abc import Generator
from contextlib import contextmanager
from typing import Any

import httpx
from tests import plain_http
from tests.scheduler_unit import message, signer, spawn

CONNECTIONS = 8
REQUEST_TIMEOUT_S = 40.0
PAUSE_S = 0.02
ACCEPTED_WITHIN_S = 90.0
AWAY_PAUSE_S = 0.1
REPEATS = 0.15
EXISTS = {"error": 'MessageExists("Message already exists")'}


class Load:
    """Posts until stopped. A connection that breaks leaves its request's outcome unknown: it is posted again.

    Attributes:
        accepted: what was read back of each message that was answered 200, by id.
        answers: how often each kind of answer came.
        surprises: answers that no rule explains.
    """

    def __init__(self, url: str, seed: int, processes: int = 3) -> None:
        self.accepted: dict[str, Any] = {}
        self.answers: Counter[str] = Counter()
        self.surprises: list[str] = []
        self._url = url
        self._random = random.Random(seed)
        self._by = signer()
        self.processes = [spawn(self._by, data=os.urandom(8)) for _ in range(processes)]
        self._bodies: dict[str, bytes] = {}
        self._told: defaultdict[str, list[str]] = defaultdict(list)
        self._stopping = threading.Event()

    def begin(self) -> None:
        """Spawn the processes, as soon as the unit knows the network's height."""
        deadline = time.monotonic() + ACCEPTED_WITHIN_S
        for process in self.processes:
            body = process.to_bytes()
            while (answer := plain_http.post(self._url, content=body, timeout=30)).status_code == 503:
                assert time.monotonic() < deadline, answer.text
                time.sleep(0.1)
            assert answer.json()["id"] == process.id, answer.text

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

    def wait_accepted(self, more: int) -> None:
        """Wait until so many more messages are accepted."""
        enough, deadline = self.answers["accepted"] + more, time.monotonic() + ACCEPTED_WITHIN_S
        while self.answers["accepted"] < enough:
            assert time.monotonic() < deadline, f"no {more} more are accepted: {dict(self.answers)}"
            time.sleep(0.02)

    async def _run(self) -> None:
        async with asyncio.TaskGroup() as group:
            for _ in range(CONNECTIONS):
                group.create_task(self._keep_posting())

    async def _keep_posting(self) -> None:
        async with plain_http.AsyncClient(base_url=self._url, timeout=REQUEST_TIMEOUT_S) as client:
            while not self._stopping.is_set():
                if self.accepted and self._random.random() < REPEATS:
                    await self._post(client, self._random.choice(list(self.accepted)))
                else:
                    await self._say(client)
                await asyncio.sleep(PAUSE_S)

    async def _say(self, client: httpx.AsyncClient) -> None:
        """Something new, until it is known what became of it; one in ten goes over two connections."""
        item = message(self._by, self._random.choice(self.processes), os.urandom(16))
        self._bodies[item.id] = item.to_bytes()
        if self._random.random() < 0.1:
            await asyncio.gather(self._post(client, item.id), self._post(client, item.id))
        while not await self._post(client, item.id):
            await asyncio.sleep(AWAY_PAUSE_S)

    async def _post(self, client: httpx.AsyncClient, item_id: str) -> bool:
        """Post once; whether it is known what became of the message."""
        try:
            answer = await client.post("/", content=self._bodies[item_id])
        except httpx.ReadTimeout:
            self.surprises.append(f"{item_id}: no answer within {REQUEST_TIMEOUT_S} s")
            return False
        except httpx.TransportError:
            return self._note(item_id, "lost")
        if answer.status_code == 503:
            return self._note(item_id, "unavailable")
        if answer.status_code == 200 and answer.json()["id"] == item_id:
            await self._read_back(client, item_id)
            return self._note(item_id, "accepted")
        if answer.status_code == 400 and answer.json() == EXISTS:
            await self._read_back(client, item_id)
            return self._note(item_id, "exists")
        self.surprises.append(f"{item_id}: {answer.status_code} {answer.text[:200]}")
        return True

    def _note(self, item_id: str, answer: str) -> bool:
        """Remember an answer. One message is accepted once, and refused only if it was promised before."""
        told = self._told[item_id]
        told.append(answer)
        self.answers[answer] += 1
        if told.count("accepted") > 1:
            self.surprises.append(f"{item_id}: accepted twice")
        return answer in {"accepted", "exists"}

    async def _read_back(self, client: httpx.AsyncClient, item_id: str) -> None:
        """What is there must be readable at once, and the same whenever it is read."""
        try:
            answer = await client.get(f"/{item_id}")
        except httpx.TransportError:
            return
        if answer.status_code == 503:
            return
        if answer.status_code != 200:
            self.surprises.append(f"{item_id}: promised, and then {answer.status_code} {answer.text[:100]}")
        elif self.accepted.setdefault(item_id, answer.json()) != answer.json():
            self.surprises.append(f"{item_id}: read with two assignments")

    def promised(self) -> list[str]:
        """Ids of everything that was answered 200, spawns too."""
        return [
            *(process.id for process in self.processes),
            *(item_id for item_id, told in self._told.items() if "accepted" in told),
        ]

    def check_answers(self) -> list[str]:
        """Refused as there already, though nobody was ever told that it is, nor left in doubt."""
        return [
            f"{item_id}: told {told}"
            for item_id, told in self._told.items()
            if "exists" in told and not {"accepted", "lost", "unavailable"} & set(told)
        ] + self.surprises

    def read_again(self) -> list[str]:
        """Everything that was promised is still there, as it was."""
        wrong: list[str] = []
        with plain_http.Client(base_url=self._url, timeout=30) as client:
            for item_id, before in self.accepted.items():
                answer = client.get(f"/{item_id}")
                if answer.status_code != 200 or answer.json() != before:
                    wrong.append(f"{item_id}: is read otherwise now: {answer.status_code}")
        return wrong
