"""The JavaScript driver 3.2.0, unchanged, against a running Lamina; `js_driver_story.js` is what it does."""

from pathlib import Path
from typing import Any

import pytest
from tests.clients.absence import ClientsUnavailableError, report_absence
from tests.clients.js_environment import js_driver_folder
from tests.clients.story import Story, told_by
from tests.running_platform import RunningPlatform

pytestmark = [pytest.mark.clients, pytest.mark.timeout(900)]

SCRIPT = Path(__file__).with_name("js_driver_story.js")


@pytest.fixture(scope="module")
def folder() -> Path:
    try:
        return js_driver_folder()
    except ClientsUnavailableError as absence:
        report_absence(absence)


@pytest.fixture(scope="module")
def story(folder: Path, platform: RunningPlatform, tmp_path_factory: pytest.TempPathFactory) -> Story:
    return told_by(["node", SCRIPT, folder, platform.url], tmp_path_factory.mktemp("driver"))


def links(transaction: dict[str, Any], *indices: int) -> list[dict[str, Any]]:
    """Outputs of one transaction as `GET /outputs` names them."""
    return [{"transaction_id": transaction["id"], "output_index": index} for index in indices]


def test_created_transaction_is_polled_and_comes_back_as_sent(story: Story) -> None:
    create = story.chapter("create")
    sent = create["posted"]["transaction"]
    assert create["posted"]["answer"] == sent
    assert create["polled"] == sent
    assert create["fetched"] == sent
    assert create["status"] == {"status": "valid"}


def test_transfer_comes_back_as_sent(story: Story) -> None:
    transfer = story.chapter("transfer")
    create, moved = transfer["posted"]["create"], transfer["posted"]["transfer"]
    assert transfer["polled"] == moved
    assert transfer["of the asset"] == [create, moved]
    assert transfer["transfers of the asset"] == [moved]


def test_outputs_spent_unspent_and_both(story: Story) -> None:
    transfer = story.chapter("transfer")
    create, moved = transfer["posted"]["create"], transfer["posted"]["transfer"]
    assert transfer["outputs of alice"] == links(create, 0) + links(moved, 1)
    assert transfer["spent of alice"] == links(create, 0)
    assert transfer["unspent of alice"] == links(moved, 1)
    assert transfer["unspent of bob"] == links(moved, 0)


@pytest.mark.parametrize(("request_of", "status"), [("double spend", "400"), ("unknown", "404")])
def test_refusals_reject_with_the_status(story: Story, request_of: str, status: str) -> None:
    refusal = story.chapter("transfer")[request_of]
    assert refusal is not None
    assert refusal["status"].split()[0] == status


def test_threshold_condition_of_the_driver(story: Story) -> None:
    threshold = story.chapter("threshold")
    assert threshold["polled"] == threshold["posted"]
    assert threshold["outputs of the second"] == links(threshold["posted"], 0)


def test_assets_search(story: Story) -> None:
    chain = story.chapter("chain")
    created = chain["created"]
    assert chain["assets"] == [{"id": created["id"], "data": created["asset"]["data"]}]


def test_blocks_and_votes(story: Story) -> None:
    chain = story.chapter("chain")
    block = chain["block"]
    assert chain["blocks"] == [block["id"]]
    assert chain["created"] in block["block"]["transactions"]
    votes = [(vote["node_pubkey"], vote["vote"]["voting_for_block"]) for vote in chain["votes"]]
    assert votes == [(block["block"]["node_pubkey"], block["id"])]
