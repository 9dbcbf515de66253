"""bigchaindb-driver 0.4.1, unchanged, against a running Lamina; `driver_story.py` is what it does there."""

from collections import Counter
from pathlib import Path
from typing import Any

import pytest
from tests.clients.absence import ClientsUnavailableError, report_absence
from tests.clients.environment import driver_interpreter
from tests.clients.story import Story, told_by
from tests.running_platform import RunningPlatform

# The first run compiles two libraries.
pytestmark = [pytest.mark.clients, pytest.mark.timeout(900)]

SCRIPT = Path(__file__).with_name("driver_story.py")
STATUSES_ON_THE_WAY = ["backlog", "undecided", "valid"]
INVALID_SIGNATURE = "Invalid transaction (InvalidSignature): Transaction signature is invalid."


@pytest.fixture(scope="module")
def python() -> Path:
    try:
        return driver_interpreter()
    except ClientsUnavailableError as absence:
        report_absence(absence)


@pytest.fixture(scope="module")
def story(python: Path, platform: RunningPlatform, tmp_path_factory: pytest.TempPathFactory) -> Story:
    # -I: the script sees the libraries of its environment and nothing of this checkout.
    return told_by([python, "-I", SCRIPT, platform.url], tmp_path_factory.mktemp("driver"))


def is_bad_request(refusal: dict[str, Any] | None, message: object) -> bool:
    """Whether the driver raised BadRequest with this message of the node."""
    return (
        refusal is not None
        and (refusal["exception"], refusal["status_code"]) == ("BadRequest", 400)
        and refusal["info"]["message"] == message
    )


def links(transaction: str, *indices: int) -> list[dict[str, Any]]:
    """Outputs of one transaction as `GET /outputs` names them."""
    return [{"transaction_id": transaction, "output_index": index} for index in indices]


def test_node_introduces_itself(story: Story, platform: RunningPlatform) -> None:
    node = story.chapter("node")
    root, api = node["root"], node["api"]
    assert (root["software"], root["version"], root["keyring"]) == ("BigchainDB", "1.0.1", [])
    paths = {"assets", "outputs", "statuses", "transactions"}
    assert {name: api[name] for name in paths} == {name: f"/{name}/" for name in paths}
    assert {name: root["api"]["v1"][name] for name in paths} == {name: f"/api/v1/{name}/" for name in paths}
    assert (
        api["streams"]
        == root["api"]["v1"]["streams"]
        == platform.stream_url.replace("127.0.0.1", "localhost")
    )


def test_created_transaction_becomes_valid_and_comes_back_as_sent(story: Story) -> None:
    create = story.chapter("create")
    sent = create["posted"]["transaction"]
    assert create["posted"]["answer"] == sent
    assert create["retrieved"] == sent
    # Equality cannot tell 2.0 from 2; the id of what came back can.
    assert create["verified"] == {"id": sent["id"], "inputs_valid": True}
    seen = create["statuses"]
    assert seen == [status for status in STATUSES_ON_THE_WAY if status in seen]
    bare = create["without data or metadata"]
    assert bare["posted"]["asset"] == {"data": None}
    assert bare["posted"]["metadata"] is None
    assert bare["retrieved"] == bare["posted"]


def test_posting_again_changes_nothing(story: Story) -> None:
    create = story.chapter("create")
    assert create["posted again"] is None
    assert create["status afterwards"] == {"status": "valid"}


def test_transfers_come_back_as_sent(story: Story) -> None:
    transfer = story.chapter("transfer")
    assert transfer["retrieved"] == transfer["posted"]


def test_transactions_of_an_asset(story: Story) -> None:
    transfer = story.chapter("transfer")
    create, *transfers = transfer["posted"]
    assert transfer["of the asset"] == [create, *transfers]
    assert transfer["creates of the asset"] == [create]
    assert transfer["transfers of the asset"] == transfers
    assert transfer["of an unknown asset"] == []


def test_divisible_asset_is_split_and_merged(story: Story) -> None:
    divisible = story.chapter("divisible")
    unspent = divisible["unspent"]
    split, merged = unspent["split"], unspent["merged"]
    assert divisible["amounts after the split"] == ["3", "5", "2"]
    assert divisible["of bob after the split"] == links(split, 0, 2)
    assert divisible["merged"]["retrieved"] == divisible["merged"]["posted"]
    assert len(divisible["merged"]["posted"]["inputs"]) == 3
    assert unspent["alice"] == []
    assert unspent["bob"] == links(merged, 1)
    assert unspent["carol"] == links(merged, 0)
    assert divisible["largest amount"] == "9000000000000000000"


def test_amounts_must_add_up(story: Story) -> None:
    message = (
        "Invalid transaction (AmountError): The amount used in the inputs `9` needs to be same as the amount "
        "used in the outputs `10`"
    )
    assert is_bad_request(story.chapter("divisible")["more than there is"], message)


def test_two_of_two(story: Story) -> None:
    threshold = story.chapter("threshold")
    details = threshold["details of both"]
    assert (details["type"], details["threshold"], len(details["subconditions"])) == (
        "threshold-sha-256",
        2,
        2,
    )
    assert threshold["one key of two"] == "MissingPrivateKeyError"
    assert is_bad_request(threshold["one signature of two"], INVALID_SIGNATURE)
    assert threshold["spent by both"] is True
    assert threshold["created by both"] is True
    of_alice, of_bob = threshold["owned by either"]
    assert of_alice == of_bob
    assert len(of_alice) == 1


def test_m_of_n_and_nested(story: Story) -> None:
    by_hand = story.chapter("threshold by hand")
    assert (by_hand["details"]["threshold"], len(by_hand["details"]["subconditions"])) == (2, 3)
    assert by_hand["two of three"] is True
    assert by_hand["three of three, by the driver"] is True
    assert is_bad_request(by_hand["one of three"], INVALID_SIGNATURE)
    assert by_hand["nested"] is True


def test_outputs_spent_unspent_and_both(story: Story) -> None:
    outputs = story.chapter("outputs")
    spent, kept, given = (
        links(outputs["ids"]["create"], 0),
        links(outputs["ids"]["change"], 1),
        links(outputs["ids"]["change"], 0),
    )
    assert outputs["alice None"] == spent + kept
    assert outputs["alice True"] == spent
    assert outputs["alice False"] == kept
    assert outputs["bob None"] == outputs["bob False"] == given
    assert outputs["bob True"] == []
    assert outputs["of a stranger"] == []


def test_assets_search(story: Story) -> None:
    assets = story.chapter("assets")
    silver, golden, nothing = assets["created"]

    def found(step: str) -> list[str]:
        return sorted(asset["id"] for asset in assets[step])

    assert found("one word") == sorted([silver["id"], golden["id"]])
    assert found("either word") == sorted([silver["id"], golden["id"], nothing["id"]])
    assert assets["either word"][0] == golden
    assert len(assets["limited"]) == 1
    assert assets["limited"][0] in [silver, golden]
    assert assets["phrase"] == [golden]
    assert assets["without"] == [silver]
    assert assets["unknown word"] == []
    assert is_bad_request(assets["nothing asked"], "text_search cannot be empty")


@pytest.mark.parametrize("kind", ["create", "transfer"])
def test_blocks_of_a_transaction(story: Story, kind: str) -> None:
    blocks = story.chapter("blocks")
    told = blocks[kind]
    assert told["block_ids"] == [told["block"]["id"]]
    assert told["transaction"] in told["block"]["block"]["transactions"]
    assert blocks[f"{kind} by status"] == {"VALID": told["block_ids"], "UNDECIDED": [], "INVALID": []}
    assert blocks["of an unknown transaction"] == []


@pytest.mark.parametrize("kind", ["create", "transfer"])
def test_original_library_verifies_blocks(story: Story, kind: str) -> None:
    blocks = story.chapter("blocks")
    assert blocks[kind]["block"]["block"]["node_pubkey"] in blocks["federation"]
    assert sorted(blocks[kind]["block"]["block"]["voters"]) == blocks["federation"]
    assert blocks[f"{kind} verified"] == {
        "id": blocks[kind]["block"]["id"],
        "same when written again": True,
        "signature_valid": True,
        "valid": True,
        "forged_signature_valid": False,
    }


def test_original_library_verifies_votes(story: Story) -> None:
    votes = story.chapter("votes")
    told = votes["votes"]
    assert [vote["node_pubkey"] for vote in told["votes"]] == told["voters"]
    assert {vote["vote"]["voting_for_block"] for vote in told["votes"]} == {told["block_id"]}
    assert votes["verified"] == {"signatures": [True], "schemas": [True], "forged signature": False}
    assert votes["of an unknown block"] == []


def test_original_library_elects_the_block(story: Story) -> None:
    election = story.chapter("votes")["election"]
    assert election["status"] == "valid"
    assert election["counts"] == {"n_valid": 1, "n_invalid": 0}
    assert election["malformed"] == election["ineligible"] == []


def test_votes_lead_back_to_a_verified_genesis_block(story: Story) -> None:
    genesis = story.chapter("votes")["genesis"]
    # At least the blocks of this story's own chain of transfers.
    assert genesis.pop("followed") >= 3
    assert genesis == {
        "operations": ["GENESIS"],
        "inputs_valid": [True],
        "signature_valid": True,
        "same when written again": True,
    }


def test_refused_transactions_raise_bad_request(story: Story) -> None:
    refusals = story.chapter("refusals")
    spent = refusals["spent"]
    absent = "0" * 64
    double_spend = f"Invalid transaction (DoubleSpend): input `{spent}` was already spent"
    unknown_input = f"Invalid transaction (InputDoesNotExist): input `{absent}` doesn't exist"
    assert is_bad_request(refusals["double spend"], double_spend)
    assert is_bad_request(refusals["unknown input"], unknown_input)
    assert is_bad_request(refusals["unsigned"], INVALID_SIGNATURE)
    assert is_bad_request(
        refusals["format 2.0"], "Invalid transaction schema: '2.0' does not match '^1\\\\.0$'"
    )
    hashed = refusals["other content"]
    assert is_bad_request(hashed, hashed["info"]["message"])
    assert hashed["info"]["message"].startswith("Invalid transaction (InvalidHash): The transaction's id '")


def test_refused_parameters_raise_bad_request(story: Story) -> None:
    refusals = story.chapter("refusals")
    assert is_bad_request(refusals["not a key"], {"public_key": "Invalid base58 ed25519 key"})
    assert is_bad_request(
        refusals["not an operation"], {"operation": 'Operation must be "CREATE" or "TRANSFER'}
    )
    assert is_bad_request(refusals["not a block status"], {"status": "lost is not a valid choice"})


@pytest.mark.parametrize("thing", ["transaction", "status", "block"])
def test_unknown_things_raise_not_found(story: Story, thing: str) -> None:
    refusal = story.chapter("refusals")[f"unknown {thing}"]
    assert refusal is not None
    assert (refusal["exception"], refusal["status_code"]) == ("NotFoundError", 404)
    assert refusal["info"] == {"message": "Not found", "status": 404}


def test_stream_tells_each_transaction_once(story: Story) -> None:
    stream = story.chapter("stream")
    posted = {each["id"]: each for each in stream["posted"]}
    events = stream["events"]
    assert Counter(event["transaction_id"] for event in events) == dict.fromkeys(posted, 1)
    for event in events:
        of = posted[event["transaction_id"]]
        expected = {"transaction_id": of["id"], "asset_id": of["asset_id"], "block_id": of["blocks"][0]}
        assert event == expected


def test_stream_answers_pings_and_ignores_what_is_said(story: Story) -> None:
    assert story.chapter("stream")["answer to a ping"] == [True, "still there?"]


def test_stream_follows_the_order_of_the_chain(story: Story) -> None:
    stream = story.chapter("stream")
    create, moved = (each["id"] for each in stream["posted"][:2])
    order = [event["transaction_id"] for event in stream["events"]]
    assert order.index(create) < order.index(moved)
