"""Lamina's own variables: `LAMINA_<SECTION>__<FIELD>`, `…_FILE` for secrets, and three short names.

A variable that begins with `LAMINA_` and means nothing is an error, since a misspelt limit is no limit.
"""

import re
from collections.abc import Mapping
from pathlib import Path

from lamina.kernel.settings.layer import Layer, Origin, Problem, SecretPath, suggestion
from lamina.kernel.settings.schema import Setting

PREFIX = "LAMINA_"
SHORT_NAMES = {
    "LAMINA_DATA_DIR": "platform.data_dir",
    "LAMINA_PORT_OFFSET": "platform.port_offset",
    "LAMINA_CONFIG": "platform.config",
}
# The fault switch is no setting, so that no file can reach it (distribution-and-reliability.md 15); the
# others belong to the tests.
_NOT_SETTINGS = re.compile(r"LAMINA_(ENABLE_FAULTS|SHARED_DATA|TEST_\w+)")
# Kubernetes puts such variables into every pod that runs beside a Service called "lamina" or "lamina-…".
_KUBERNETES = re.compile(
    r"LAMINA_\w*?(SERVICE_HOST|SERVICE_PORT(_\w+)?|PORT_\d+_\w+)=.*|LAMINA_\w*?PORT=\w+://.*"
)


def read_environment(known: Mapping[str, Setting], environ: Mapping[str, str]) -> Layer:
    """Values of the environment. An empty variable counts as not set, as container tools pass them.

    Args:
        known: settings by key.
        environ: variables by name; others than Lamina's own are left alone.
    """
    names = variable_names(known)
    layer = Layer()
    for name in sorted(environ):
        if name in names:
            _take(layer, names[name], name, environ)
        elif name.startswith(PREFIX) and not _is_foreign(name, environ[name]):
            hint = suggestion(name, names) or "Run: lamina config explain"
            layer.problems.append(Problem(name, "no setting has this variable", hint))
    return layer


def variable_names(known: Mapping[str, Setting]) -> dict[str, Setting]:
    """Every variable that Lamina understands, with its setting."""
    names = {each.variable + "_FILE": each for each in known.values() if each.is_secret}
    names |= {name: known[key] for name, key in SHORT_NAMES.items() if key in known}
    names |= {each.variable: each for each in known.values()}
    return names


def _is_foreign(name: str, text: str) -> bool:
    return _NOT_SETTINGS.fullmatch(name) is not None or _KUBERNETES.fullmatch(f"{name}={text}") is not None


def _take(layer: Layer, setting: Setting, name: str, environ: Mapping[str, str]) -> None:
    text = environ[name]
    earlier = layer.given.get(setting.key)
    if not text:
        return
    if earlier is not None:
        if environ[earlier.origin.where] != text:
            conflict = f"{earlier.origin.where} says something else about {setting.key}"
            layer.problems.append(Problem(name, conflict, "Unset one of them"))
    elif name == setting.variable + "_FILE" and setting.is_secret:
        layer.give(setting, SecretPath(Path(text)), Origin("environment", name))
    else:
        layer.give_text(setting, text, Origin("environment", name))
