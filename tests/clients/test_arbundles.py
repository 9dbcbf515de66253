"""@dha-team/arbundles, unchanged, reads what we sign and signs what we read; `js_arbundles_story.js` is what it does."""

import json
from base64 import b64decode, b64encode
from pathlib import Path
from typing import Any

import pytest
from tests.clients.absence import ClientsUnavailableError, report_absence
from tests.clients.js_environment import arbundles_folder
from tests.clients.story import Story, told_by
from tests.data_items import (
    BARE_DRAFT,
    DRAFT,
    MULTI_SEEDS,
    MULTI_SIGNERS,
    SECRET,
    SEED,
    MultiSigner,
    signer,
    wallet,
)

from lamina.formats import ans104, base64url
from lamina.formats.ans104 import DataItem, SignatureType
from lamina.formats.avro_tags import Tag

pytestmark = [pytest.mark.clients, pytest.mark.timeout(900)]

SCRIPT = Path(__file__).with_name("js_arbundles_story.js")
DRAFTS = {"full": DRAFT, "bare": BARE_DRAFT}
SIGNED = {
    f"{signature_type.value} {name}": ans104.sign(draft, signer(signature_type))
    for signature_type in SignatureType
    if signature_type is not SignatureType.ARWEAVE
    for name, draft in DRAFTS.items()
}
NAMES = [f"{signature_type.value} {name}" for signature_type in SignatureType for name in DRAFTS]


@pytest.fixture(scope="module")
def items() -> dict[str, bytes]:
    by_wallet = {f"1 {name}": ans104.sign(draft, wallet()) for name, draft in DRAFTS.items()}
    return {name: item.to_bytes() for name, item in (by_wallet | SIGNED).items()}


@pytest.fixture(scope="module")
def bundle(items: dict[str, bytes]) -> bytes:
    return b"".join(ans104.bundle_parts([ans104.parse(raw) for raw in items.values()]))


@pytest.fixture(scope="module")
def story(items: dict[str, bytes], bundle: bytes, tmp_path_factory: pytest.TempPathFactory) -> Story:
    try:
        folder = arbundles_folder()
    except ClientsUnavailableError as absence:
        report_absence(absence)
    given = {
        "keys": {
            "arweave": json.loads(wallet().jwk()),
            "ed25519": {"seed": SEED.hex(), "owner": signer(SignatureType.ED25519).owner.hex()},
            "ethereum": SECRET.hex(),
            "multiAptos": {
                "owner": MultiSigner().owner.hex(),
                "seeds": [seed.hex() for seed in MULTI_SEEDS],
                "signers": MULTI_SIGNERS,
            },
        },
        "drafts": {
            name: {
                "data": text(b"".join(draft.data)),
                "tags": [tag._asdict() for tag in draft.tags],
                "target": base64url.encode(draft.target),
                "anchor": draft.anchor.decode(),
            }
            for name, draft in DRAFTS.items()
        },
        "items": {name: text(raw) for name, raw in items.items()},
        "bundle": text(bundle),
    }
    directory = tmp_path_factory.mktemp("arbundles")
    (directory / "given.json").write_text(json.dumps(given))
    return told_by(["node", SCRIPT, folder, directory / "given.json"], directory)


def text(raw: bytes | memoryview) -> str:
    return b64encode(raw).decode()


def facts_of(item: DataItem) -> dict[str, Any]:
    """An item as the script tells it."""
    return {
        "raw": text(item.raw),
        "valid": ans104.verify(item),
        "id": item.id,
        "type": item.signature_type,
        "owner": base64url.encode(item.owner),
        "target": base64url.encode(item.target),
        "anchor": text(item.anchor),
        "tags": [tag._asdict() for tag in item.tags],
        "tagBytes": text(item.tag_bytes),
        "data": text(item.data),
        "message": item.message().hex(),
    }


@pytest.mark.parametrize("name", NAMES)
def test_what_we_sign_is_read_there_as_here(story: Story, items: dict[str, bytes], name: str) -> None:
    facts = story.chapter("read")[name]
    assert facts == facts_of(ans104.parse(items[name]))
    assert facts["valid"]


@pytest.mark.parametrize("name", NAMES)
def test_what_they_sign_is_read_here_as_there(story: Story, name: str) -> None:
    facts = story.chapter("signed")[name]
    item = ans104.parse(b64decode(facts["raw"]))
    assert facts == facts_of(item)
    assert facts["valid"]
    draft = DRAFTS[name.split()[1]]
    assert item.tags == tuple(Tag(*tag) for tag in draft.tags)
    assert (item.target, item.anchor, bytes(item.data)) == (draft.target, draft.anchor, b"".join(draft.data))


def test_repeatable_signatures_are_the_same(story: Story, items: dict[str, bytes]) -> None:
    """All but RSA-PSS, whose salt is random; so headers, tags and messages are the same bytes too."""
    for name in SIGNED:
        assert b64decode(story.chapter("signed")[name]["raw"]) == items[name], name


def test_bundles_are_the_same_bytes(story: Story, items: dict[str, bytes], bundle: bytes) -> None:
    chapter = story.chapter("bundle")
    assert chapter["read"] == {"ids": [ans104.parse(raw).id for raw in items.values()], "valid": True}
    assert b64decode(chapter["written"]) == bundle
