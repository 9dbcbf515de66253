"""What the client builds and signs."""

import pytest

from lamina.formats import ans104
from lamina.formats.errors import FormatError
from lamina.sdk.scheduler import Ed25519Signer, SignedItem, signed_message, signed_spawn

ALICE = Ed25519Signer.from_seed(bytes(32))
MODULE, UNIT = "m" * 43, "u" * 43


def named(item: SignedItem) -> list[tuple[str, str]]:
    return [(tag.name, tag.value) for tag in ans104.parse(item.to_bytes()).tags]


def test_a_spawn_has_what_the_protocol_asks_for_first() -> None:
    item = signed_spawn(ALICE, MODULE, UNIT, tags=[("Name", "a"), ("Type", "b")], data="ü")
    assert named(item) == [
        ("Data-Protocol", "ao"), ("Variant", "ao.TN.1"), ("Type", "Process"), ("Module", MODULE),
        ("Scheduler", UNIT), ("Name", "a"), ("Type", "b"),
    ]  # fmt: skip
    parsed = ans104.parse(item.to_bytes())
    assert (parsed.target, bytes(parsed.data), parsed.id) == (b"", "ü".encode(), item.id)
    assert ans104.verify(parsed)


def test_no_two_messages_are_the_same() -> None:
    process = signed_spawn(ALICE, MODULE, UNIT)
    first, second = (signed_message(ALICE, process.id, data=b"\xff") for _ in range(2))
    assert first.id != second.id
    parsed = ans104.parse(first.to_bytes())
    assert (parsed.target, bytes(parsed.data)) == (process.id_bytes, b"\xff")
    assert parsed.tag("Type") == "Message"
    assert ans104.verify(parsed)


@pytest.mark.parametrize("target", ["x", "é" * 43, "A" * 42])
def test_a_target_that_is_no_id_is_refused(target: str) -> None:
    with pytest.raises(FormatError):
        signed_message(ALICE, target)
