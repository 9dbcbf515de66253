"""This node's key pair: from the settings, else from its file in the data directory, made on first use."""

from lamina.formats.errors import FormatError
from lamina.formats.signatures import KeyPair
from lamina.kernel.crypto.keys import load_or_create
from lamina.kernel.errors import ConfigurationError
from lamina.kernel.observability.redaction import register_secret
from lamina.kernel.settings.load import Settings
from lamina.kernel.settings.platform import PlatformSettings
from lamina.services.ledger.settings import LedgerSettings

KEY_FILE = "ledger.key.json"


def load_node(settings: Settings) -> KeyPair:
    """The key this node signs blocks and votes with.

    Raises:
        ConfigurationError: half a pair is configured, or the halves do not belong together.
        SecretFileError: the key file is not ours alone.
    """
    ledger = settings.get(LedgerSettings)
    if ledger.keypair_private is None:
        if ledger.keypair_public is not None:
            raise ConfigurationError("ledger.keypair_public is set, ledger.keypair_private is not")
        platform = settings.get(PlatformSettings)
        key = load_or_create(platform.data_dir / KEY_FILE, allow_readable=platform.allow_readable_secrets)
        register_secret(key.private)
        return key.pair
    try:
        node = KeyPair.from_seed_base58(ledger.keypair_private.get_secret_value())
    except FormatError:
        raise ConfigurationError("ledger.keypair_private is not base58 of 32 bytes") from None
    if ledger.keypair_public not in {None, node.public}:
        raise ConfigurationError("ledger.keypair_public does not belong to ledger.keypair_private")
    return node
