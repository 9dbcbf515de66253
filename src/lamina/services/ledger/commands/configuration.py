"""The original's configuration: its defaults, its JSON file, its variables (spec/ledger.md 6.2).

It is a tree of plain JSON values under the original's names; what Lamina does not know of it is kept. What
it means for Lamina's own settings is said elsewhere: `counterparts`, and `legacy_path` of `LedgerSettings`.
"""

import copy
import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeGuard

from lamina.kernel.crypto.keys import NodeKey
from lamina.kernel.errors import ConfigurationError
from lamina.kernel.settings.legacy import load_legacy_document

Tree = dict[str, Any]

PREFIX = "BIGCHAINDB"
PATH_VARIABLE = f"{PREFIX}_CONFIG_PATH"
SECRET_VARIABLES = (f"{PREFIX}_DATABASE_PASSWORD", f"{PREFIX}_DATABASE_KEYFILE_PASSPHRASE")
MASK = "x" * 45
FOREIGN_BACKENDS = frozenset({"rethinkdb", "mongodb"})

_LOGIN: Tree = {
    "ssl": False,
    "ca_cert": None,
    "certfile": None,
    "keyfile": None,
    "keyfile_passphrase": None,
    "crlfile": None,
    "login": None,
    "password": None,
}
_TRIES: Tree = {"name": "bigchain", "connection_timeout": 5000, "max_tries": 3}
_DATABASES: dict[str, Tree] = {
    "rethinkdb": {"backend": "rethinkdb", "host": "localhost", "port": 28015, **_TRIES},
    "mongodb": {
        "backend": "mongodb",
        "host": "localhost",
        "port": 27017,
        "replicaset": "bigchain-rs",
        **_TRIES,
        **_LOGIN,
    },
    "postgres": {"backend": "postgres", "host": "localhost", "port": 5432, **_TRIES, **_LOGIN},
    "embedded": {"backend": "embedded", **_TRIES},
}
_LOG_FORMAT = "[%(asctime)s] [%(levelname)s] (%(name)s) %(message)s (%(processName)-10s - pid: %(process)d)"
_REST: Tree = {
    "keypair": {"public": None, "private": None},
    "keyring": [],
    "server": {"bind": "localhost:9984", "loglevel": "info", "workers": None},
    "wsserver": {"scheme": "ws", "host": "localhost", "port": 9985},
    "backlog_reassign_delay": 120,
    "log": {
        "file": "~/bigchaindb.log",
        "error_file": "~/bigchaindb-errors.log",
        "level_console": "info",
        "level_logfile": "info",
        "datefmt_console": "%Y-%m-%d %H:%M:%S",
        "datefmt_logfile": "%Y-%m-%d %H:%M:%S",
        "fmt_console": _LOG_FORMAT,
        "fmt_logfile": _LOG_FORMAT,
        "granular_levels": {},
    },
    "graphite": {"host": "localhost"},
}
_KINDS: dict[type, str] = {
    bool: "true or false",
    int: "a whole number",
    float: "a number",
    str: "text",
    list: "a list",
    dict: "an object",
}
BACKENDS = tuple(_DATABASES)


@dataclass(frozen=True, slots=True, repr=False)
class OriginalConfiguration:
    """The original's configuration of one node; it may hold secrets, so it has no repr.

    Attributes:
        path: where the file is or would be.
        file: the file, where there is one.
        file_holds_secret: whether a key or a password stands in it.
        given: what the file and the variables say, without defaults.
        effective: the same over the defaults of the backend in force.
    """

    path: Path
    file: Path | None
    file_holds_secret: bool
    given: Tree
    effective: Tree

    @property
    def database(self) -> Tree:
        """The `database` part with its defaults."""
        return self.effective["database"]

    @property
    def backend(self) -> str:
        """The database backend it names."""
        return self.database["backend"]


def defaults(backend: str) -> Tree:
    """The whole default configuration for a backend."""
    return copy.deepcopy({**_REST, "database": _DATABASES[backend]})


def generate(backend: str, key: NodeKey, environ: Mapping[str, str]) -> Tree:
    """A new node's configuration: defaults, what the variables say, and its key.

    Raises:
        ConfigurationError: a variable has the wrong type.
    """
    start = defaults(backend)
    generated = merge(start, _from_variables(start, environ))
    generated["database"]["backend"] = backend
    generated["keypair"] = {"public": key.public, "private": key.private}
    return generated


def default_path(environ: Mapping[str, str]) -> Path:
    """The file that counts when no other is named."""
    named = environ.get(PATH_VARIABLE)
    return Path(named) if named else Path(environ.get("HOME") or "~").expanduser() / ".bigchaindb"


def read(path: Path | None, environ: Mapping[str, str]) -> OriginalConfiguration:
    """Read the file and the variables.

    Args:
        path: the file of `-c`, which must exist; without it the default one, which need not.
        environ: variables by name.

    Raises:
        ConfigurationError: the file cannot be read or is not a JSON object, a part of it has another shape
            than in the original, or the backend is unknown.
    """
    file = path or default_path(environ)
    exists = path is not None or file.exists()
    document = _coerced(load_legacy_document(file), defaults("mongodb"), str(file)) if exists else {}
    backend = _backend(document, environ)
    known = merge(defaults(backend), document)
    given = merge(document, _from_variables(known, environ))
    return OriginalConfiguration(
        path=file,
        file=file if exists else None,
        file_holds_secret=_has_secret(document),
        given=given,
        effective=merge(defaults(backend), given),
    )


def merge(below: Tree, above: Tree) -> Tree:
    """A new tree with everything of both; the second wins."""
    merged = copy.deepcopy(below)
    for name, value in above.items():
        if _is_part(value) and _is_part(merged.get(name)):
            merged[name] = merge(merged[name], value)
        else:
            merged[name] = copy.deepcopy(value)
    return merged


def masked(tree: Tree) -> Tree:
    """The tree as it may be shown: secrets as 45 x, null where there is none."""
    shown = copy.deepcopy(tree)
    for section, name in (
        ("keypair", "private"),
        ("database", "password"),
        ("database", "keyfile_passphrase"),
    ):
        if shown[section].get(name):
            shown[section][name] = MASK
    shown.pop("CONFIGURED", None)
    return shown


def _backend(document: Tree, environ: Mapping[str, str]) -> str:
    named = (
        environ.get(f"{PREFIX}_DATABASE_BACKEND") or document.get("database", {}).get("backend") or "embedded"
    )
    if named not in _DATABASES:
        raise ConfigurationError(
            f"the database backend {named!r} is not supported", hint=f"Backends are {', '.join(BACKENDS)}"
        )
    return named


def _is_part(value: object) -> TypeGuard[Tree]:
    return isinstance(value, dict)


def _coerced(tree: Tree, like: Tree, where: str) -> Tree:
    """The tree with texts as the type their place has by default; a part that is null is left out."""
    return {
        name: _coerced_value(value, like.get(name), f"{where}: {name}")
        for name, value in tree.items()
        if value is not None or not _is_part(like.get(name))
    }


def _coerced_value(value: object, like: object, where: str) -> object:
    if _is_part(value) and _is_part(like):
        return _coerced(value, like, where)
    if value is None or like is None or isinstance(like, str) or type(value) is type(like):
        return value
    if isinstance(value, str) and not _is_part(like):
        return _typed(where, value, like)
    raise ConfigurationError(f"{where} should be {_KINDS[type(like)]}")


def _has_secret(document: Tree) -> bool:
    database = document.get("database", {})
    return bool(
        document.get("keypair", {}).get("private")
        or database.get("password")
        or database.get("keyfile_passphrase")
    )


def _from_variables(known: Tree, environ: Mapping[str, str]) -> Tree:
    """What the variables say of every leaf that is known; an empty variable counts as not set."""
    found: Tree = {}
    for path, value in _leaves(known):
        name = "_".join([PREFIX, *path]).upper()
        if environ.get(name):
            _put(found, path, _typed(name, environ[name], value))
    return found


def _leaves(tree: Tree, above: tuple[str, ...] = ()) -> Iterator[tuple[tuple[str, ...], object]]:
    for name, value in tree.items():
        if _is_part(value):
            yield from _leaves(value, (*above, name))
        else:
            yield (*above, name), value


def _put(tree: Tree, path: tuple[str, ...], value: object) -> None:
    for name in path[:-1]:
        tree = tree.setdefault(name, {})
    tree[path[-1]] = value


def typed(text: str, like: object) -> object:
    """Text as a value of another value's type; lists stand between colons.

    Raises:
        ValueError: it cannot be one.
    """
    if isinstance(like, bool):
        return _truth(text)
    if isinstance(like, list):
        return [item for item in text.split(":") if item]
    return type(like)(text) if isinstance(like, (int, float)) else text


def _typed(name: str, text: str, like: object) -> object:
    try:
        return typed(text, like)
    except ValueError:
        raise ConfigurationError(f"{name} should be {_KINDS[type(like)]}") from None


def _truth(text: str) -> bool:
    if text.lower() in {"true", "1", "yes", "on"}:
        return True
    if text.lower() in {"false", "0", "no", "off"}:
        return False
    raise ValueError(text)


def as_text(tree: Tree, *, sort_keys: bool) -> str:
    """The tree as the original writes it: JSON indented by 4."""
    return json.dumps(tree, indent=4, sort_keys=sort_keys)
