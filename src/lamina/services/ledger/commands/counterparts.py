"""Between the original's configuration and Lamina's settings: what either says in the other's words."""

from pathlib import Path
from typing import Any
from urllib.parse import quote

import pydantic

from lamina.kernel.errors import ConfigurationError
from lamina.kernel.settings.load import Settings
from lamina.kernel.settings.schema import settings_of
from lamina.services.ledger.commands.configuration import OriginalConfiguration, Tree, merge
from lamina.services.ledger.commands.identity import find_public_key
from lamina.services.ledger.settings import LedgerSettings

LEVELS = ("critical", "error", "warning", "info", "debug", "notset")


def lamina_values(original: OriginalConfiguration, *, with_log_defaults: bool = False) -> dict[str, object]:
    """What the original's configuration says of Lamina's other sections, by key.

    Args:
        original: the configuration.
        with_log_defaults: also log where the original did when nobody said otherwise (spec/ledger.md 6.2).

    Raises:
        ConfigurationError: a log level is not one, or TLS is asked of the embedded server, which has none.
    """
    values: dict[str, object] = {}
    if original.backend == "embedded" and original.database.get("ssl"):
        raise ConfigurationError(
            "database.ssl is true, but the embedded PostgreSQL has no TLS",
            hint="Set database.ssl to false, or database.backend to postgres",
        )
    if original.backend == "postgres":
        values["postgres.dsn"] = dsn(original.database)
    timeout_ms = original.given.get("database", {}).get("connection_timeout")
    if timeout_ms:
        values["postgres.connect_timeout_s"] = timeout_ms / 1000
    log = (original.effective if with_log_defaults else original.given).get("log", {})
    return values | _log_values(log)


def dsn(database: Tree) -> str:
    """The address of the PostgreSQL that a `database` part describes; it may hold a password."""
    login, password = database["login"], database["password"]
    secret = f":{quote(str(password), safe='')}" if password is not None else ""
    user = f"{quote(str(login), safe='')}{secret}@" if login is not None else ""
    place, query = f"{database['host']}:{database['port']}", _tls(database)
    if str(database["host"]).startswith("/"):
        place, query = "", {"host": database["host"], "port": database["port"], **query}
    asked = "&".join(f"{name}={quote(str(value), safe='')}" for name, value in query.items())
    return f"postgresql://{user}{place}/{quote(str(database['name']), safe='')}" + (
        f"?{asked}" if asked else ""
    )


def _tls(database: Tree) -> dict[str, Any]:
    if not database["ssl"]:
        return {}
    files = {
        "sslrootcert": database["ca_cert"],
        "sslcert": database["certfile"],
        "sslkey": database["keyfile"],
        "sslpassword": database["keyfile_passphrase"],
        "sslcrl": database["crlfile"],
    }
    mode = "verify-full" if database["ca_cert"] else "require"
    return {"sslmode": mode} | {name: value for name, value in files.items() if value}


def _log_values(log: Tree) -> dict[str, object]:
    """`log.fmt_*` and `log.datefmt_*` have no counterpart: files are JSON lines."""
    values: dict[str, object] = {
        key: Path(str(log[name])).expanduser()
        for key, name in (("log.file", "file"), ("log.error_file", "error_file"))
        if log.get(name)
    }
    for key, name in (("log.level", "level_console"), ("log.file_level", "level_logfile")):
        if log.get(name) is not None:
            values[key] = _level(log[name])
    if log.get("granular_levels"):
        values["log.levels"] = {name: _level(level) for name, level in log["granular_levels"].items()}
    return values


def _level(value: object) -> str:
    if not isinstance(value, str):
        raise ConfigurationError("Log level must be a string!")
    level = value.lower()
    if level not in LEVELS:
        raise ConfigurationError(f"{value!r} is not a log level", hint=f"Levels are {', '.join(LEVELS)}")
    return "debug" if level == "notset" else level


def in_force(original: OriginalConfiguration, settings: Settings, *, level: str | None) -> Tree:
    """The original's configuration as Lamina has it in force, in the original's words; it may hold secrets.

    Args:
        original: what its file and variables say.
        settings: what all sources together say; they win.
        level: of `-l`, which rules every log level of the original.
    """
    tree = merge(original.effective, {})
    ledger = settings.get(LedgerSettings)
    for setting in settings_of(LedgerSettings):
        if setting.legacy_path is not None and settings.origin("ledger", setting.name).kind != "default":
            _put(tree, setting.legacy_path, _plain(getattr(ledger, setting.name)))
    if tree["keypair"]["public"] is None:
        tree["keypair"]["public"] = find_public_key(settings)
    if level is not None:
        tree = merge(tree, {"log": {"level_console": level, "level_logfile": level}})
        tree["server"]["loglevel"] = level
    return tree


def _put(tree: Tree, path: str, value: object) -> None:
    *parts, name = path.split(".")
    for part in parts:
        tree = tree[part]
    tree[name] = value


def _plain(value: object) -> object:
    """A setting as JSON."""
    if isinstance(value, pydantic.SecretStr):
        return value.get_secret_value()
    return list(value) if isinstance(value, tuple) else value  # pyright: ignore[reportUnknownVariableType,reportUnknownArgumentType]
