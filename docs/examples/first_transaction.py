"""Register an asset, wait until it is valid, hand it on."""

import os

from lamina.sdk.ledger import KeyPair, LedgerClient

alice, bob = KeyPair.generate(), KeyPair.generate()

with LedgerClient(os.environ.get("LEDGER_URL", "http://localhost:9984")) as ledger:
    bicycle = ledger.create(alice, {"bicycle": {"manufacturer": "bkfab", "serial_number": "abcd1234"}})
    ledger.wait_valid(bicycle["id"])
    print("Alice registered asset", bicycle["id"])

    sale = ledger.transfer(bicycle, [(bob.public, 1)], signers=alice, metadata={"price": "120 EUR"})
    ledger.wait_valid(sale["id"])
    print("and sold it to Bob:   ", sale["id"])

    print("Bob owns", ledger.outputs(bob.public, spent=False))
    print("Read it:", f"{ledger.info()['api']['v1']['transactions']}{sale['id']}")
