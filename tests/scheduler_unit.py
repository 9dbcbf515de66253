"""A running scheduler with its stand-in gateway, and those who post to it."""

import contextlib
import os
import time
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import httpx
from tests import plain_http
from tests.running_platform import RunningPlatform, open_directory

from lamina.formats.ans104.signed_item import Draft, SignedItem, sign
from lamina.formats.ans104.signers import Ed25519Signer, Signer
from lamina.formats.avro_tags import Tag

PROCESS_TAGS = (
    Tag("Data-Protocol", "ao"),
    Tag("Variant", "ao.TN.1"),
    Tag("Type", "Process"),
    Tag("Module", "m" * 43),
    Tag("Scheduler", "s" * 43),
)
MESSAGE_TAGS = (Tag("Data-Protocol", "ao"), Tag("Variant", "ao.TN.1"), Tag("Type", "Message"))


class Unit:
    """One unit's door."""

    def __init__(self, platform: RunningPlatform, environment: dict[str, str]) -> None:
        self.platform = platform
        self._environment = environment
        self.url = f"http://127.0.0.1:{9000 + platform.offset}"
        self.gateway_url = f"http://127.0.0.1:{1984 + platform.offset}"
        self.http = plain_http.Client(base_url=self.url, timeout=60)

    def restart(self, **settings: object) -> None:
        """Stop it and start it again with other settings too."""
        assert self.platform.stop() == 0, self.platform.log_tail()
        self._environment.update(variables(settings))
        self.platform.start()
        self.wait_height()

    def wait_height(self) -> None:
        """Until a gateway has told the network's height; before that nothing is scheduled."""
        deadline = time.monotonic() + 20
        while self.http.get("/timestamp").status_code != 200:
            assert time.monotonic() < deadline, self.platform.log_tail()
            time.sleep(0.05)

    def post(self, item: bytes, **params: str) -> httpx.Response:
        return self.http.post("/", content=item, params=params)

    def get(self, path: str, **params: object) -> Any:
        """A JSON answer that must be a success."""
        answer = self.http.get(path, params={name: str(value) for name, value in params.items()})
        assert answer.status_code == 200, (path, answer.status_code, answer.text)
        return answer.json()

    def edges(self, process_id: str, **params: object) -> list[dict[str, Any]]:
        return [edge["node"] for edge in self.get(f"/{process_id}", **params)["edges"]]


def signer() -> Ed25519Signer:
    return Ed25519Signer.from_seed(os.urandom(32))


def spawn(by: Signer, *more: Tag, data: bytes = b"return 1") -> SignedItem:
    return sign(Draft((*PROCESS_TAGS, *more), data=(data,)), by)


def message(by: Signer, to: SignedItem, data: bytes = b"", *more: Tag, anchor: bytes = b"") -> SignedItem:
    return sign(Draft((*MESSAGE_TAGS, *more), target=to.id_bytes, anchor=anchor, data=(data,)), by)


def tags_of(item: dict[str, Any]) -> dict[str, str]:
    return {tag["name"]: tag["value"] for tag in item["tags"]}


def variables(settings: Mapping[str, object]) -> dict[str, str]:
    """The scheduler's settings, and others that say their section, as variables."""
    names = {name: name if "__" in name else f"scheduler__{name}" for name in settings}
    return {f"LAMINA_{names[name].upper()}": str(value) for name, value in settings.items()}


@contextlib.contextmanager
def scheduler_running(
    services: Sequence[str] = ("scheduler", "gateway"), *, dsn: str | None = None, **settings: object
) -> Iterator[Unit]:
    """`lamina up --services scheduler,gateway`, until the end of the block; on a database, if one is named."""
    environment = {"LAMINA_LOG__LEVEL": "info"}
    environment |= variables(settings)
    with open_directory() as directory:
        chosen = ("--services", ",".join(services))
        platform = RunningPlatform(directory / "data", environment=environment, args=chosen)
        own_gateway = f"http://127.0.0.1:{1984 + platform.offset}"
        environment.setdefault("LAMINA_SCHEDULER__GATEWAY_URL", own_gateway)
        platform.dsn = dsn or platform.dsn
        unit = Unit(platform, environment)
        try:
            platform.start()
            if "gateway" in services:
                unit.wait_height()
            yield unit
            assert platform.stop() == 0, platform.log_tail()
        finally:
            unit.http.close()
            if platform.process is not None and platform.process.poll() is None:
                platform.kill()
