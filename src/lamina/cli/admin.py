"""Asks the admin listener of the running platform."""

from typing import TYPE_CHECKING, Any

from lamina.cli.status import REQUEST_TIMEOUT_S, PlatformUnreachable, admin_address
from lamina.kernel.errors import LaminaError

if TYPE_CHECKING:
    from collections.abc import Mapping

    from lamina.kernel.settings.load import Settings

TOKEN_FILE = "admin.token"  # noqa: S105 - a file name


class AdminRefused(LaminaError):
    """The admin listener refused the request."""

    code = "admin_refused"
    exit_code = 4


def ask_admin(settings: "Settings", path: str, parameters: "Mapping[str, str]") -> Any:  # noqa: ANN401 - any JSON
    """A guarded document of the running platform.

    Args:
        settings: where it listens and where its token is.
        path: below `/lamina/`.
        parameters: of the query.

    Raises:
        PlatformUnreachable: nothing answers.
        AdminRefused: it answers with a refusal.
        SecretFileError: the token file is missing or not ours alone.
    """
    import httpx

    url = admin_address(settings)
    headers = {"Authorization": f"Bearer {_token(settings)}"}
    try:
        answer = httpx.get(
            f"{url}/lamina/{path}",
            params=dict(parameters),
            headers=headers,
            timeout=REQUEST_TIMEOUT_S,
            trust_env=False,
        )
        document = answer.json()
    except (httpx.TransportError, ValueError) as failure:
        raise PlatformUnreachable(f"No platform answers at {url}") from failure
    if answer.is_error:
        raise AdminRefused(f"{url} says: {document.get('message')}", status=answer.status_code)
    return document


def _token(settings: "Settings") -> str:
    from lamina.kernel.crypto.secret_file import read_secret
    from lamina.kernel.observability.redaction import register_secret
    from lamina.kernel.settings.platform import AdminSettings, PlatformSettings

    configured = settings.get(AdminSettings).token
    if configured is not None:
        return configured.get_secret_value()
    token = read_secret(settings.get(PlatformSettings).data_dir / TOKEN_FILE).decode().strip()
    register_secret(token)
    return token
