"""From keys and wishes to a signed transaction. No I/O."""

from collections.abc import Iterable, Sequence
from typing import Any

from lamina.formats import transaction as build
from lamina.formats.signatures import KeyPair
from lamina.formats.transaction import Recipient, Transaction

Signers = KeyPair | Sequence[KeyPair]
"""One key pair, or several that all sign."""

Recipients = Sequence[tuple[Recipient, int]]
"""Who may spend each output, and its amount."""


def signed_create(
    signers: Signers,
    asset: dict[str, Any] | None,
    recipients: Recipients | None,
    metadata: dict[str, Any] | None,
) -> Transaction:
    """A signed CREATE; without recipients, the signers own one of it.

    Raises:
        ValueError: no signers, or an amount below 1.
        FormatError: a recipient is no key and no condition, or the payload has no canonical form.
    """
    pairs = _pairs(signers)
    owners = [pair.public for pair in pairs]
    return build.sign(build.create(owners, recipients or [(owners, 1)], asset, metadata), pairs)


def signed_transfer(
    spent: Transaction,
    recipients: Recipients,
    signers: Signers,
    indices: Iterable[int] | None,
    metadata: dict[str, Any] | None,
) -> Transaction:
    """A signed TRANSFER of outputs of one transaction, of all where no indices are given.

    Raises:
        ValueError: no recipients, or an amount below 1.
        IndexError: there is no such output.
        FormatError: a key is missing that must sign, or as `signed_create`.
    """
    asset_id: str = spent["id"] if spent["operation"] == "CREATE" else spent["asset"]["id"]
    unsigned = build.transfer(build.inputs_of(spent, indices), recipients, asset_id, metadata)
    return build.sign(unsigned, _pairs(signers))


def _pairs(signers: Signers) -> Sequence[KeyPair]:
    return [signers] if isinstance(signers, KeyPair) else signers
