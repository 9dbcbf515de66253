"""Data items and bundles of the original libraries and of a production scheduler, each with its verdict."""

import hashlib
import itertools
import json
from base64 import b64decode
from pathlib import Path
from typing import Any

import pytest
from tests.shared_data import shared_data

from lamina.formats import ans104, avro_tags, base64url
from lamina.formats.ans104 import BUNDLE_TAGS, DataItem, MalformedItem, Wallet
from lamina.formats.avro_tags import Tag
from lamina.services.scheduler.rules.duplicate import content_hashes
from lamina.services.scheduler.rules.hash_chain import first_link, next_link

ARBUNDLES_ITEMS = json.loads(Path(__file__).with_name("arbundles_items.json").read_text())


def manifest(*parts: str) -> dict[str, Any]:
    return json.loads(shared_data("scheduler", *parts, "manifest.json").read_text())


def records() -> list[tuple[dict[str, Any], bytes]]:
    """Every item of the development set with its bytes."""
    return [(each, shared_data("scheduler", each["file"]).read_bytes()) for each in manifest()["items"]]


def upstream() -> list[tuple[dict[str, Any], bytes]]:
    """Everything carried over from production with its bytes."""
    found = manifest("upstream")["items"]
    return [(each, shared_data("scheduler", "upstream", each["file"]).read_bytes()) for each in found]


def item_of(name: str) -> DataItem:
    return ans104.parse(shared_data("scheduler", "items", f"{name}.bin").read_bytes())


def tags_of(record: dict[str, Any]) -> tuple[Tag, ...]:
    return tuple(Tag(**tag) for tag in record["tags"])


def nested(bundle: bytes) -> list[DataItem]:
    return ans104.items(ans104.parse(bundle).data)


@pytest.mark.parametrize("record", ARBUNDLES_ITEMS, ids=lambda record: f"type {record['type']}")
def test_an_item_of_the_original_library_for_each_type(record: dict[str, Any]) -> None:
    """Made by @dha-team/arbundles 1.0.4 as `tests/clients` does, so that a plain clone has them too."""
    raw = b64decode(record["raw"])
    item = ans104.parse(raw)
    assert (item.signature_type, item.id, item.message().hex()) == (
        record["type"],
        record["id"],
        record["message"],
    )
    assert avro_tags.encode(item.tags) == item.tag_bytes
    assert ans104.verify(item)
    assert not ans104.verify(ans104.parse(raw + b"\0"))


def test_verdict_of_every_item() -> None:
    found = records()
    assert len(found) == 53
    for record, raw in found:
        try:
            verdict = ans104.verify(ans104.parse(raw))
        except MalformedItem:
            verdict = False
            assert record["name"].startswith("malformed_")
        else:
            assert not record["name"].startswith("malformed_")
        assert verdict is record["valid_signature"], record["name"]


def test_fields_of_every_item_that_is_described() -> None:
    """The library describes some malformed items too, whose fields it reads past the end."""
    described = [
        (record["parsed"], raw) for record, raw in records() if not record["name"].startswith("malformed_")
    ]
    assert len(described) == 44
    for fields, raw in described:
        item = ans104.parse(raw)
        assert item.id == fields["id"]
        assert item.signature_type == fields["signature_type"]
        assert item.owner_address == fields["owner_address"]
        assert base64url.encode(item.owner) == fields["owner"]
        assert base64url.encode(item.target) == fields["target"]
        assert base64url.encode(item.anchor) == fields["anchor_b64url"]
        assert base64url.encode(item.signature) == fields["signature"]
        assert item.tags == tags_of(fields)
        assert len(item.data) == fields["data_length"]
        assert hashlib.sha256(item.data).hexdigest() == fields["data_sha256"]
        assert item.message().hex() == fields["signature_data_deephash_hex"]
        assert avro_tags.encode(item.tags) == item.tag_bytes


def test_bundles_of_the_library_are_read_and_written_alike() -> None:
    bundles = [(record, raw) for record, raw in records() if "nested_item_ids" in record]
    assert len(bundles) == 4
    for record, raw in bundles:
        item = ans104.parse(raw)
        assert ans104.is_bundle(item)
        found = ans104.items(item.data)
        assert [each.id for each in found] == record["nested_item_ids"]
        assert all(ans104.verify(each) for each in found)
        data = b"".join(ans104.bundle_parts(found))
        assert data == item.data
        assert (len(data), hashlib.sha256(data).hexdigest()) == (
            record["nested_bundle_bytes"],
            record["nested_bundle_sha256"],
        )


def test_wallets_have_their_addresses_and_sign() -> None:
    for name, described in manifest()["wallets"].items():
        wallet = Wallet.from_jwk(shared_data("scheduler", described["file"]).read_bytes())
        assert wallet.address == described["address"], name
    item = ans104.parse(ans104.sign(ans104.Draft(BUNDLE_TAGS), wallet).to_bytes())
    assert ans104.verify(item)


def test_hash_chain_of_the_reference_assignments() -> None:
    reference = manifest()["hash_chain_reference"]
    assert len(reference) == 4
    for link in reference:
        before, chain = link["previous_assignment_id"], link["previous_hash_chain_or_process_id"]
        expected = first_link(chain) if before is None else next_link(before, chain)
        assert expected == link["hash_chain"]
    assignments = [item_of("reference_assignment_process_nonce0")]
    assignments += [
        ans104.items(item_of(f"reference_bundle_{name}").data)[0]
        for name in ("message1", "message2", "assignment_only")
    ]
    assert [item.tag("Hash-Chain") for item in assignments] == [link["hash_chain"] for link in reference]
    assert [item.id for item in assignments] == [link["assignment_id"] for link in reference]


def test_the_same_message_pushed_twice() -> None:
    pushed = [record for record, _ in records() if "dedup_deep_hash_ordered" in record]
    assert len(pushed) == 2
    for record in pushed:
        item = item_of(record["name"])
        hashes = content_hashes(item.tags, item.target, item.anchor, item.data)
        assert hashes.ordered == record["dedup_deep_hash_ordered"]
        assert hashes.unordered == record["dedup_deep_hash_unordered"]


def test_production_items_and_bundles() -> None:
    found = upstream()
    assert len(found) == 37
    for record, raw in found:
        described, read = list(record.get("nested", [])), []
        if "outer" in record:
            outer = ans104.parse(raw)
            described.append(record["outer"])
            read += ans104.items(outer.data) if "nested" in record else []
            read.append(outer)
        else:
            read += ans104.items(raw)
        assert len(described) == len(read)
        for fields, item in zip(described, read, strict=True):
            assert item.id == fields["id"]
            assert item.owner_address == fields["owner_address"]
            assert base64url.encode(item.target) == fields["target"]
            assert base64url.encode(item.anchor) == fields["anchor_b64url"]
            assert item.tags == tags_of(fields)
            assert len(item.data) == fields["data_length"]
            assert ans104.verify(item) is fields["library_valid"], record["file"]


def test_production_answers_that_the_repository_states() -> None:
    def unit(name: str) -> DataItem:
        return ans104.parse(shared_data("scheduler", "upstream", f"unit_{name}_item.bin").read_bytes())

    message = unit("message")
    assert message.id == "6oYAxVAnH8yKsZKpMgHSbRv7uVWey68PAqYuSXeZBbg"
    assert base64url.encode(message.target) == "-oM8CYgbqsRcpI3tE_cpGM3kgDlamnYjSGA4nptPao0"
    assert message.owner_address == "4QKhXnyl1z3HEPprMKfTeXrWPRuQjK6O99k5SFKGuck"
    assert unit("process").id == "boxXWZqkBaZmOKJ3Vh7PZzC07Q9OXmxF4QT_ikodfNY"
    assert unit("assignment").tag("Process") == "4iZaXaryQ3eeCDB_2ZS4WmET6DTm35QukI6dNEhQPmw"


def test_hash_chain_of_a_production_process() -> None:
    names = [f"bundle_{number:02}.bin" for number in range(2, 33)]
    assignments = [nested(shared_data("scheduler", "upstream", name).read_bytes())[0] for name in names]
    assert [item.tag("Nonce") for item in assignments] == [str(nonce) for nonce in range(31)]
    process = assignments[0].tag("Process")
    assert process == "DcccvmuHG83kIjXWtB2OBTDcZbFB32EXwbMWuTzmxSo"
    chain = first_link(process)
    assert assignments[0].tag("Hash-Chain") == chain
    for before, item in itertools.pairwise(assignments):
        chain = next_link(before.id, chain)
        assert item.tag("Hash-Chain") == chain
