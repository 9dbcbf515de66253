"""What the client proves of what it read: production data pass, and nothing that was changed does."""

import copy
import json
from collections.abc import Callable
from typing import Any, cast

import pytest
from tests.shared_data import shared_data

from lamina.formats import ans104
from lamina.formats.errors import FormatError
from lamina.sdk.scheduler import BrokenChain, Chain, Scheduled, is_signed
from lamina.services.scheduler import render


def on_the_wire(raw: bytes) -> Scheduled:
    """A bundle of an assignment and, mostly, its message, as a unit shows it."""
    assignment, *messages = (bytes(item.raw) for item in ans104.items(ans104.parse(raw).data))
    shown = render.message_object(assignment, messages[0] if messages else None, show_anchor=True)
    return cast("Scheduled", json.loads(json.dumps(shown)))


@pytest.fixture(scope="module")
def read() -> list[Scheduled]:
    """31 messages that a unit of the real network put in order."""
    folder = shared_data("scheduler", "upstream/bundle_02.bin").parent
    return [on_the_wire((folder / f"bundle_{number:02}.bin").read_bytes()) for number in range(2, 33)]


def process_of(scheduled: Scheduled) -> str:
    return next(tag["value"] for tag in scheduled["assignment"]["tags"] if tag["name"] == "Process")


def begun(read: list[Scheduled], **options: Any) -> Chain:
    """A chain that goes on with the fourth message, which has one beside its assignment."""
    return Chain(process_of(read[0]), **options).resume(read[2])


def test_a_real_chain_is_proved(read: list[Scheduled]) -> None:
    chain = Chain(process_of(read[0]))
    for scheduled in read:
        assert chain.follow(scheduled) is scheduled
    assert chain.last == read[-1]


def test_a_gap_is_found(read: list[Scheduled]) -> None:
    with pytest.raises(BrokenChain, match="Nonce is"):
        begun(read).follow(read[4])
    with pytest.raises(BrokenChain, match="Nonce is"):
        Chain(process_of(read[0])).follow(read[1])


def _tag(name: str, value: str) -> Callable[[Any], None]:
    def change(scheduled: Any) -> None:
        next(tag for tag in scheduled["assignment"]["tags"] if tag["name"] == name)["value"] = value

    return change


CHANGES: dict[str, tuple[Callable[[Any], None], str]] = {
    "height": (_tag("Block-Height", "000000000001"), "signature is not the unit's"),
    "link": (_tag("Hash-Chain", "A" * 43), "Hash-Chain is"),
    "process": (_tag("Process", "A" * 43), "Process is"),
    "message": (_tag("Message", "A" * 43), "not the message"),
    "id": (lambda each: each["assignment"].update(id="A" * 43), "not that of its signature"),
    "other message": (lambda each: each["message"].update(id="A" * 43), "not that of its signature"),
    "anchor": (lambda each: each["assignment"].update(anchor="A" * 43), "signature is not the unit's"),
    "no anchor": (lambda each: each["assignment"].update(anchor=None), "anchor is not shown"),
    "signature": (lambda each: each["assignment"].update(signature="%"), "base64url"),
}


@pytest.mark.parametrize("name", CHANGES)
def test_what_was_changed_is_found(read: list[Scheduled], name: str) -> None:
    change, reason = CHANGES[name]
    changed, chain = copy.deepcopy(read[3]), begun(read)
    change(changed)
    with pytest.raises(BrokenChain, match=reason):
        chain.follow(changed)
    assert chain.follow(read[3]) is read[3]


def test_another_wallet_is_found(read: list[Scheduled]) -> None:
    begun(read, address=read[3]["assignment"]["owner"]["address"]).follow(read[3])
    with pytest.raises(BrokenChain, match="of the wallet"):
        begun(read, address="A" * 43).follow(read[3])


def test_without_anchors_only_the_chain_is_proved(read: list[Scheduled]) -> None:
    bare = copy.deepcopy(read)
    for each in bare:
        each["assignment"]["anchor"] = None
    with pytest.raises(FormatError, match="anchor is not shown"):
        is_signed(bare[0]["assignment"])
    chain = Chain(process_of(bare[0]), signatures=False)
    for each in bare:
        chain.follow(each)


def test_what_cannot_be_resumed(read: list[Scheduled]) -> None:
    nameless = copy.deepcopy(read[0])
    nameless["assignment"]["tags"] = []
    with pytest.raises(FormatError, match="nonce"):
        Chain(process_of(read[0])).resume(nameless)
    with pytest.raises(FormatError):
        Chain("short")
