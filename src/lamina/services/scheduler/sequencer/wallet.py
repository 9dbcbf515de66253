"""The unit's wallet: where it is, and its first creation on a development platform."""

from pathlib import Path

from lamina.formats.ans104.wallet import Wallet
from lamina.formats.errors import FormatError
from lamina.kernel.crypto.secret_file import create_secret, read_secret
from lamina.kernel.errors import ConfigurationError
from lamina.kernel.settings.load import Settings
from lamina.kernel.settings.platform import PlatformSettings
from lamina.services.scheduler.settings import SchedulerSettings

WALLET_FILE = "scheduler.wallet.json"


def wallet_path(settings: Settings) -> Path:
    """The wallet's file."""
    configured = settings.get(SchedulerSettings).wallet_path
    return settings.get(PlatformSettings).data_dir / WALLET_FILE if configured is None else configured


def load_wallet(settings: Settings) -> Wallet:
    """Read the wallet; one is made (0600) in the data directory when none is configured and none is there.

    Raises:
        ConfigurationError: the configured file is missing, or is no RSA-4096 JWK.
        SecretFileError: others may read it.
    """
    path = wallet_path(settings)
    if not path.exists():
        if settings.get(SchedulerSettings).wallet_path is not None:
            raise ConfigurationError(f"The wallet {path} is not there", hint="Set scheduler.wallet_path")
        create_secret(path, Wallet.generate().jwk())
    return read_wallet(settings)


def read_wallet(settings: Settings) -> Wallet:
    """Read the wallet that is there; for those who speak for a unit that has been one before.

    Raises:
        ConfigurationError: it is missing, or is no RSA-4096 JWK.
        SecretFileError: others may read it.
    """
    path, platform = wallet_path(settings), settings.get(PlatformSettings)
    if not path.exists():
        raise ConfigurationError(
            f"There is no wallet at {path}", hint="Set SU_WALLET_PATH, or give the --data-dir of the unit"
        )
    text = read_secret(path, allow_readable=platform.allow_readable_secrets)
    try:
        return Wallet.from_jwk(text)
    except FormatError as fault:
        raise ConfigurationError(f"{path} is no wallet: {fault}") from None
