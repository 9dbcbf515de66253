"""Spawn a process, send it messages, read them back in order and prove that order."""

import os

from lamina.sdk.scheduler import Chain, Ed25519Signer, SchedulerClient

alice = Ed25519Signer.from_seed(os.urandom(32))

with SchedulerClient(os.environ.get("SCHEDULER_URL", "http://localhost:9000")) as scheduler:
    process = scheduler.spawn(alice, module="m" * 43)
    print("Alice spawned process", process)

    for amount in (3, 5, 8):
        scheduler.message(alice, process, tags=[("Action", "Deposit")], data=str(amount))

    chain = Chain(process, address=scheduler.unit()["address"])
    for scheduled in map(chain.follow, scheduler.messages(process)):
        place = {tag["name"]: tag["value"] for tag in scheduled["assignment"]["tags"]}
        message = scheduled["message"]
        assert message is not None, "every place is that of a message posted here"
        print("nonce", place["Nonce"], "says", message["data"], "and is signed by the unit")
