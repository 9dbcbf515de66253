"""Where clients that know a wallet find its unit (spec/scheduler.md 16)."""

import secrets

from lamina.formats.ans104.signed_item import Draft, SignedItem, sign
from lamina.formats.ans104.wallet import Wallet
from lamina.formats.avro_tags import Tag
from lamina.services.scheduler.peers.gateway import Gateway
from lamina.services.scheduler.rules.assignment import ANCHOR_BYTES


async def publish(wallet: Wallet, gateway: Gateway, url: str, time_to_live_ms: int) -> SignedItem:
    """Sign and upload the wallet's `Scheduler-Location`.

    Args:
        wallet: the units'.
        gateway: uploads it.
        url: of the units, or of their router.
        time_to_live_ms: how long clients may rely on it without looking again.

    Raises:
        GatewayUnavailable: the uploader did not take it.
    """
    tags = (
        Tag("Data-Protocol", "ao"),
        Tag("Type", "Scheduler-Location"),
        Tag("Url", url),
        Tag("Time-To-Live", str(time_to_live_ms)),
    )
    item = sign(Draft(tags, anchor=secrets.token_bytes(ANCHOR_BYTES)), wallet)
    await gateway.upload(item.to_bytes())
    return item
