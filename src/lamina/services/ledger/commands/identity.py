"""Which key this node has; unlike `lamina.services.ledger.node`, nothing here ever makes one."""

from lamina.kernel.crypto.keys import NodeKey, load
from lamina.kernel.settings.load import Settings
from lamina.kernel.settings.platform import PlatformSettings
from lamina.services.ledger.node import KEY_FILE
from lamina.services.ledger.settings import LedgerSettings


def find_public_key(settings: Settings) -> str | None:
    """The configured key, else the data directory's; None when the node has none.

    Raises:
        ConfigurationError: the private key is not one.
        SecretFileError: the key file is not ours alone.
    """
    ledger = settings.get(LedgerSettings)
    if ledger.keypair_public is not None:
        return ledger.keypair_public
    if ledger.keypair_private is not None:
        return NodeKey.from_private(ledger.keypair_private.get_secret_value()).public
    platform = settings.get(PlatformSettings)
    path = platform.data_dir / KEY_FILE
    if not path.exists():
        return None
    return load(path, allow_readable=platform.allow_readable_secrets).public


def membership(settings: Settings) -> set[str]:
    """Public keys of the federation: this node's and its keyring's; empty when the node has no key.

    Raises:
        ConfigurationError, SecretFileError: as `find_public_key`.
    """
    own = find_public_key(settings)
    return set() if own is None else {own, *settings.get(LedgerSettings).keyring}
