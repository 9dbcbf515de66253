# pyright: basic, reportMissingImports=false
"""What the original Python driver does with a node: a script for the environment that has it.

Takes the URLs of the node. Uses bigchaindb-driver 0.4.1 and the libraries it came with, nothing of Lamina.
Prints one JSON line for each step and judges nothing: `test_bigchaindb_driver.py` does.
"""

import json
import sys
import time
import traceback
import uuid
from copy import deepcopy

import base58
import websocket
from bigchaindb.common.crypto import hash_data
from bigchaindb.common.transaction import Input, Output, TransactionLink
from bigchaindb.common.utils import serialize
from bigchaindb.models import Block, Transaction
from bigchaindb.voting import Voting
from bigchaindb_driver import BigchainDB
from bigchaindb_driver.crypto import generate_keypair
from bigchaindb_driver.exceptions import MissingPrivateKeyError, TransportError
from cryptoconditions import Ed25519Sha256, ThresholdSha256

VALID_WITHIN_S = 15.0
EVENT_WITHIN_S = 15.0
SILENCE_S = 1.0


def minted(driver, owner, *, data=None, recipients=None, metadata=None):
    """A CREATE of `owner`, posted and valid."""
    prepared = driver.transactions.prepare(
        operation="CREATE",
        signers=owner.public_key,
        recipients=recipients,
        asset={"data": data} if data is not None else None,
        metadata=metadata,
    )
    return accepted(driver, signed(driver, prepared, owner))


def handed_over(driver, inputs, recipients, owners, *, asset_id, metadata=None):
    """A TRANSFER signed by `owners`, posted and valid."""
    return accepted(driver, signed(driver, transfer(driver, inputs, recipients, asset_id, metadata), *owners))


def transfer(driver, inputs, recipients, asset_id, metadata=None):
    """A TRANSFER without signatures."""
    return driver.transactions.prepare(
        operation="TRANSFER", inputs=inputs, recipients=recipients, asset={"id": asset_id}, metadata=metadata
    )


def spendable(transaction, index=0):
    """One output as the input of a TRANSFER, as the driver's manual builds it."""
    output = transaction["outputs"][index]
    return {
        "fulfillment": output["condition"]["details"],
        "fulfills": {"output_index": index, "transaction_id": transaction["id"]},
        "owners_before": output["public_keys"],
    }


def signed(driver, prepared, *owners):
    return driver.transactions.fulfill(prepared, private_keys=[owner.private_key for owner in owners])


def accepted(driver, transaction):
    driver.transactions.send(transaction)
    statuses_until_valid(driver, transaction["id"])
    return transaction


def statuses_until_valid(driver, transaction_id):
    """The distinct statuses on the way to valid, which every poll has to answer with."""
    seen = []
    deadline = time.monotonic() + VALID_WITHIN_S
    while not seen or seen[-1] != "valid":
        status = driver.transactions.status(transaction_id)["status"]
        if status not in seen:
            seen.append(status)
        if time.monotonic() > deadline:
            raise TimeoutError(f"{transaction_id} after {VALID_WITHIN_S} s: {seen}")
        time.sleep(0.02)
    return seen


def refusal(call, *args, **kwargs):
    """The driver's exception for a request that a node refuses; None when it did not."""
    try:
        call(*args, **kwargs)
    except TransportError as error:
        return {
            "exception": type(error).__name__,
            "status_code": error.status_code,
            "text": error.error,
            "info": error.info,
        }
    return None


def owned(driver, owner, spent=None):
    return driver.outputs.get(owner.public_key, spent=spent)


class ChainThroughDriver:
    """The chain as the driver shows it, in the form that the original's validation asks its database."""

    TX_VALID = "valid"

    def __init__(self, driver):
        self._driver = driver
        info = driver.info()
        self.federation = {info["public_key"], *info["keyring"]}

    def get_transaction(self, transaction_id, include_status):
        assert include_status
        status = self._driver.transactions.status(transaction_id)["status"]
        return Transaction.from_dict(self._driver.transactions.retrieve(transaction_id)), status

    def get_spent(self, transaction_id, output_index):
        asset_id = Transaction.get_asset_id(self.get_transaction(transaction_id, include_status=True)[0])
        link = {"transaction_id": transaction_id, "output_index": output_index}
        for candidate in self._driver.transactions.get(asset_id=asset_id, operation="TRANSFER"):
            if any(input_["fulfills"] == link for input_ in candidate["inputs"]):
                return Transaction.from_dict(candidate)
        return None

    def validate_transaction(self, transaction):
        return transaction.validate(self)

    def votes(self, block_id):
        """The driver has no call for votes, hence its transport."""
        return self._driver.transport.forward_request(
            method="GET", path=f"{self._driver.api_prefix}/votes", params={"block_id": block_id}
        )


def tell_node(driver):
    yield "root", driver.info()
    yield "api", driver.api_info()


def tell_create(driver):
    alice = generate_keypair()
    data = {
        "bicycle": {"serial": "abcd", "price": 1.5, "größe": [1, 2.0, 1e-7, None, True]},
        "note": "π \u0007 /",
    }
    metadata = {"planet": "earth", "🚲": {"nested": [{}]}}
    prepared = driver.transactions.prepare(
        operation="CREATE", signers=alice.public_key, asset={"data": data}, metadata=metadata
    )
    posted = signed(driver, prepared, alice)
    answered = driver.transactions.send(posted)
    yield "posted", {"transaction": posted, "answer": answered}
    yield "statuses", statuses_until_valid(driver, posted["id"])
    retrieved = driver.transactions.retrieve(posted["id"])
    yield "retrieved", retrieved
    model = Transaction.from_dict(retrieved)
    yield "verified", {"id": model.id, "inputs_valid": model.inputs_valid()}
    yield "posted again", refusal(driver.transactions.send, posted)
    yield "status afterwards", driver.transactions.status(posted["id"])
    bare = minted(driver, alice)
    yield "without data or metadata", {"posted": bare, "retrieved": driver.transactions.retrieve(bare["id"])}


def tell_transfer(driver):
    alice, bob, carol = generate_keypair(), generate_keypair(), generate_keypair()
    create = minted(driver, alice, data={"painting": uuid.uuid4().hex})
    to_bob = handed_over(driver, spendable(create), bob.public_key, [alice], asset_id=create["id"])
    to_carol = handed_over(
        driver, spendable(to_bob), carol.public_key, [bob], asset_id=create["id"], metadata={"hop": 2}
    )
    yield "posted", [create, to_bob, to_carol]
    yield "retrieved", [driver.transactions.retrieve(each["id"]) for each in (create, to_bob, to_carol)]
    yield "of the asset", driver.transactions.get(asset_id=create["id"])
    yield "creates of the asset", driver.transactions.get(asset_id=create["id"], operation="CREATE")
    yield "transfers of the asset", driver.transactions.get(asset_id=create["id"], operation="TRANSFER")
    yield "of an unknown asset", driver.transactions.get(asset_id="0" * 64)


def tell_divisible(driver):
    alice, bob, carol = generate_keypair(), generate_keypair(), generate_keypair()
    create = minted(driver, alice, data={"shares": True}, recipients=[([alice.public_key], 10)])
    asset_id = create["id"]
    split = handed_over(
        driver,
        spendable(create),
        [([bob.public_key], 3), ([alice.public_key], 5), ([bob.public_key], 2)],
        [alice],
        asset_id=asset_id,
    )
    yield "amounts after the split", [output["amount"] for output in split["outputs"]]
    yield "of bob after the split", owned(driver, bob, spent=False)
    merge_inputs = [spendable(split, 0), spendable(split, 2), spendable(split, 1)]
    merged = handed_over(
        driver,
        merge_inputs,
        [([carol.public_key], 9), ([bob.public_key], 1)],
        [alice, bob],
        asset_id=asset_id,
    )
    yield "merged", {"posted": merged, "retrieved": driver.transactions.retrieve(merged["id"])}
    yield (
        "unspent",
        {"split": split["id"], "merged": merged["id"]}
        | {
            name: owned(driver, who, spent=False)
            for name, who in [("alice", alice), ("bob", bob), ("carol", carol)]
        },
    )
    more = transfer(driver, spendable(merged, 0), [([alice.public_key], 10)], asset_id)
    yield "more than there is", refusal(driver.transactions.send, signed(driver, more, carol))
    largest = minted(driver, alice, recipients=[([alice.public_key], 9 * 10**18)])
    yield "largest amount", driver.transactions.retrieve(largest["id"])["outputs"][0]["amount"]


def tell_threshold(driver):
    alice, bob, carol = generate_keypair(), generate_keypair(), generate_keypair()
    car = minted(driver, alice, data={"car": 1}, recipients=(alice.public_key, bob.public_key))
    yield "details of both", car["outputs"][0]["condition"]["details"]
    onward = transfer(driver, spendable(car), carol.public_key, car["id"])
    try:
        signed(driver, onward, alice)
        yield "one key of two", None
    except MissingPrivateKeyError as error:
        yield "one key of two", type(error).__name__
    alone = by_hand(driver, car, 0, onward, threshold=1, signers=[alice], others=[bob])
    yield "one signature of two", refusal(driver.transactions.send, alone)
    sold = accepted(driver, signed(driver, onward, alice, bob))
    yield "spent by both", driver.transactions.retrieve(sold["id"]) == sold
    yield "owned by either", [owned(driver, alice), owned(driver, bob)]
    signers = accepted(driver, with_two_signers(driver, alice, bob))
    yield "created by both", driver.transactions.retrieve(signers["id"]) == signers


def with_two_signers(driver, alice, bob):
    prepared = driver.transactions.prepare(operation="CREATE", signers=[alice.public_key, bob.public_key])
    return signed(driver, prepared, alice, bob)


def tell_threshold_by_hand(driver):
    """Conditions that the driver's calls cannot name: its manual makes them with cryptoconditions."""
    alice, bob, carol = keys = [generate_keypair() for _ in range(3)]
    two_of_three = threshold_of(2, *map(leaf, keys))
    minted_so = [locked_to(driver, alice, two_of_three, keys) for _ in range(3)]
    yield "details", minted_so[0]["outputs"][0]["condition"]["details"]

    def moved(create):
        return transfer(driver, spendable(create), carol.public_key, create["id"])

    by_two = by_hand(
        driver, minted_so[0], 0, moved(minted_so[0]), threshold=2, signers=[alice, carol], others=[bob]
    )
    yield "two of three", driver.transactions.retrieve(accepted(driver, by_two)["id"]) == by_two
    by_three = accepted(driver, signed(driver, moved(minted_so[1]), alice, bob, carol))
    yield "three of three, by the driver", driver.transactions.retrieve(by_three["id"]) == by_three
    by_one = by_hand(
        driver, minted_so[2], 0, moved(minted_so[2]), threshold=1, signers=[bob], others=[alice, carol]
    )
    yield "one of three", refusal(driver.transactions.send, by_one)
    nested = locked_to(
        driver, alice, threshold_of(2, leaf(alice), threshold_of(2, leaf(bob), leaf(carol))), keys
    )
    by_all = accepted(driver, signed(driver, moved(nested), alice, bob, carol))
    yield "nested", driver.transactions.retrieve(by_all["id"]) == by_all


def leaf(keypair):
    return Ed25519Sha256(public_key=base58.b58decode(keypair.public_key))


def threshold_of(threshold, *members):
    condition = ThresholdSha256(threshold=threshold)
    for member in members:
        condition.add_subfulfillment(member)
    return condition


def locked_to(driver, issuer, condition, owners):
    """A CREATE whose one output has a condition made by hand, valid."""
    output = Output(condition, public_keys=[owner.public_key for owner in owners], amount=1)
    create = Transaction(
        Transaction.CREATE,
        {"data": {"lock": uuid.uuid4().hex}},
        [Input.generate([issuer.public_key])],
        [output],
    )
    return accepted(driver, signed(driver, create.to_dict(), issuer))


def by_hand(driver, spent, index, prepared, *, threshold, signers, others):
    """`prepared` with a threshold fulfillment of its only input, signed by some of the owners."""
    message = serialize(dict(prepared, inputs=[dict(prepared["inputs"][0], fulfillment=None)])).encode()
    fulfillment = ThresholdSha256(threshold=threshold)
    for signer in signers:
        part = leaf(signer)
        part.sign(message, base58.b58decode(signer.private_key))
        fulfillment.add_subfulfillment(part)
    for other in others:
        fulfillment.add_subcondition(leaf(other).condition)
    owners = spent["outputs"][index]["public_keys"]
    input_ = Input(fulfillment, owners, TransactionLink(spent["id"], index))
    return dict(prepared, inputs=[input_.to_dict()])


def tell_outputs(driver):
    alice, bob = generate_keypair(), generate_keypair()
    yield "of a stranger", owned(driver, generate_keypair())
    create = minted(driver, alice, recipients=[([alice.public_key], 4)])
    change = handed_over(
        driver,
        spendable(create),
        [([bob.public_key], 1), ([alice.public_key], 3)],
        [alice],
        asset_id=create["id"],
    )
    yield "ids", {"create": create["id"], "change": change["id"]}
    for spent in (None, True, False):
        yield f"alice {spent}", owned(driver, alice, spent)
        yield f"bob {spent}", owned(driver, bob, spent)


def tell_assets(driver):
    alice = generate_keypair()
    word, other = (f"w{uuid.uuid4().hex}" for _ in range(2))
    texts = [f"{word} silver bicycles", f"{word} {other} golden bicycle", f"{other} of nothing"]
    created = [minted(driver, alice, data={"deep": {"text": text, "number": 7}}) for text in texts]
    yield "created", [{"id": create["id"], "data": create["asset"]["data"]} for create in created]
    yield "one word", driver.assets.get(search=word)
    yield "either word", driver.assets.get(search=f"{word} {other}")
    yield "limited", driver.assets.get(search=word, limit=1)
    yield "phrase", driver.assets.get(search=f'"golden bicycle" {word}')
    yield "without", driver.assets.get(search=f"{word} -golden")
    yield "unknown word", driver.assets.get(search=f"w{uuid.uuid4().hex}")
    yield "nothing asked", refusal(driver.assets.get, search="")


def tell_blocks(driver):
    alice, bob = generate_keypair(), generate_keypair()
    create = minted(driver, alice, data={"of": "a block"})
    moved = handed_over(driver, spendable(create), bob.public_key, [alice], asset_id=create["id"])
    chain = ChainThroughDriver(driver)
    yield "federation", sorted(chain.federation)
    for name, transaction in (("create", create), ("transfer", moved)):
        block_ids = driver.blocks.get(txid=transaction["id"])
        block = driver.blocks.retrieve(block_ids[0])
        yield name, {"transaction": transaction, "block_ids": block_ids, "block": block}
        yield (
            f"{name} by status",
            {
                status: driver.blocks.get(txid=transaction["id"], status=status)
                for status in ("VALID", "UNDECIDED", "INVALID")
            },
        )
        yield f"{name} verified", verified_block(block, chain)
    yield "of an unknown transaction", driver.blocks.get(txid="0" * 64)


def verified_block(block, chain):
    """What bigchaindb 1.0.1 says of a block and of the same block with another time."""
    model = Block.from_dict(block)
    later = deepcopy(block)
    later["block"]["timestamp"] = str(int(block["block"]["timestamp"]) + 1)
    later["id"] = hash_data(serialize(later["block"]))
    return {
        "id": hash_data(serialize(block["block"])),
        "same when written again": model.to_dict() == block,
        "signature_valid": model.is_signature_valid(),
        "valid": model.validate(chain) is model,
        "forged_signature_valid": Block.from_dict(later).is_signature_valid(),
    }


def tell_votes(driver):
    create = minted(driver, generate_keypair(), data={"of": "a vote"})
    chain = ChainThroughDriver(driver)
    block = driver.blocks.retrieve(driver.blocks.get(txid=create["id"])[0])
    votes = chain.votes(block["id"])
    yield "votes", {"block_id": block["id"], "voters": block["block"]["voters"], "votes": votes}
    forged = deepcopy(votes[0])
    forged["vote"]["is_block_valid"] = False
    yield (
        "verified",
        {
            "signatures": [Voting.verify_vote_signature(vote) for vote in votes],
            "schemas": [Voting.verify_vote_schema(vote) for vote in votes],
            "forged signature": Voting.verify_vote_signature(forged),
        },
    )
    yield "election", Voting.block_election(block, votes, chain.federation)
    yield "of an unknown block", chain.votes("0" * 64)
    yield "genesis", genesis_behind(driver, chain, block["id"])


def genesis_behind(driver, chain, block_id):
    """Follow previous_block from vote to vote: the chain begins at a block that nobody voted on."""
    followed = 0
    while votes := chain.votes(block_id):
        block_id = votes[0]["vote"]["previous_block"]
        followed += 1
    block = driver.blocks.retrieve(block_id)
    model = Block.from_dict(block)
    return {
        "followed": followed,
        "operations": [transaction.operation for transaction in model.transactions],
        "inputs_valid": [transaction.inputs_valid() for transaction in model.transactions],
        "signature_valid": model.is_signature_valid(),
        "same when written again": model.to_dict() == block,
    }


def tell_refusals(driver):
    alice, bob, carol = generate_keypair(), generate_keypair(), generate_keypair()
    create = minted(driver, alice, data={"once": True})
    handed_over(driver, spendable(create), bob.public_key, [alice], asset_id=create["id"])
    yield "spent", create["id"]
    send = driver.transactions.send
    again = signed(driver, transfer(driver, spendable(create), carol.public_key, create["id"]), alice)
    yield "double spend", refusal(send, again)
    unsigned = driver.transactions.prepare(operation="CREATE", signers=alice.public_key)
    yield "unsigned", refusal(send, unsigned)
    yield "other content", refusal(send, dict(signed(driver, unsigned, alice), metadata={"changed": "later"}))
    yield "format 2.0", refusal(send, dict(signed(driver, unsigned, alice), version="2.0"))
    absent = dict(create, id="0" * 64)
    missing = transfer(driver, spendable(absent), bob.public_key, "0" * 64)
    yield "unknown input", refusal(send, signed(driver, missing, alice))
    yield "not a key", refusal(driver.outputs.get, "not a key")
    yield "not an operation", refusal(driver.transactions.get, asset_id=create["id"], operation="GENESIS")
    yield "not a block status", refusal(driver.blocks.get, txid=create["id"], status="LOST")
    yield "unknown transaction", refusal(driver.transactions.retrieve, "0" * 64)
    yield "unknown status", refusal(driver.transactions.status, "0" * 64)
    yield "unknown block", refusal(driver.blocks.retrieve, "0" * 64)


def tell_stream(driver):
    url = driver.api_info()["streams"]
    listener = websocket.create_connection(url, timeout=EVENT_WITHIN_S)
    try:
        listener.send("anything a client says is ignored")
        listener.ping("still there?")
        opcode, frame = listener.recv_data_frame(control_frame=True)
        yield "answer to a ping", [opcode == websocket.ABNF.OPCODE_PONG, frame.data.decode()]
        posted = posted_for_stream(driver)
        yield "posted", posted
        yield "events", events_of(listener, {each["id"] for each in posted})
    finally:
        listener.close()


def posted_for_stream(driver):
    """A CREATE, a TRANSFER of it and more, with the blocks they are in."""
    alice, bob = generate_keypair(), generate_keypair()
    create = minted(driver, alice, recipients=[([alice.public_key], 2)])
    shares = [([bob.public_key], 1), ([alice.public_key], 1)]
    moved = handed_over(driver, spendable(create), shares, [alice], asset_id=create["id"])
    others = [minted(driver, alice, data={"number": number}) for number in range(3)]
    return [
        {
            "id": each["id"],
            "asset_id": each["asset"].get("id", each["id"]),
            "blocks": driver.blocks.get(txid=each["id"]),
        }
        for each in (create, moved, *others)
    ]


def events_of(listener, transaction_ids):
    """The events of these transactions: until each was told, and then until it is silent for a while."""
    events = []
    try:
        while True:
            event = json.loads(listener.recv())
            if event["transaction_id"] in transaction_ids:
                events.append(event)
            if transaction_ids == {told["transaction_id"] for told in events}:
                listener.settimeout(SILENCE_S)
    except websocket.WebSocketTimeoutException:
        return events


CHAPTERS = {
    "node": tell_node,
    "create": tell_create,
    "transfer": tell_transfer,
    "divisible": tell_divisible,
    "threshold": tell_threshold,
    "threshold by hand": tell_threshold_by_hand,
    "outputs": tell_outputs,
    "assets": tell_assets,
    "blocks": tell_blocks,
    "votes": tell_votes,
    "refusals": tell_refusals,
    "stream": tell_stream,
}


def told(chapter, step, facts):
    print(json.dumps({"chapter": chapter, "step": step, "facts": facts}), flush=True)


def main(urls):
    """Tell every chapter; one that breaks off does not keep the others from being told."""
    driver = BigchainDB(*urls)
    for chapter, tell in CHAPTERS.items():
        try:
            for step, facts in tell(driver):
                told(chapter, step, facts)
        except Exception:
            told(chapter, "broke off", traceback.format_exc())


if __name__ == "__main__":
    main(sys.argv[1:])
