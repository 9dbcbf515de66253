"""The files of a federation on one machine, as text."""

import json
import shlex
import sys
from collections.abc import Sequence

from lamina.cli.ledger.federation.layout import TrialFederation, TrialNode

CONNECTIONS_PER_NODE = 30
"""What one node with one web process may open to the log, three pools of eight, and some for commands."""
CONNECTIONS_MIN = 100

_NODE = """\
# {name} of a federation of {count} on this machine. What is in force, and why:
#   lamina --config {config} config explain
[platform]
data_dir = {data_dir}
port_offset = {port_offset}

[ledger]
# The other members. Its own key is in ledger.key.json beside this file.
keyring = {keyring}
# Where the shared log is; in a file of its own, as it may hold a password.
log_dsn_file = {log_dsn_file}
# All members share this machine: one web process each is enough.
workers = 1

[postgres]
shared_buffers_mb = 64
"""
_LOG = """\
# The database of the shared log: lamina ledger federation log DIR
[postgres]
max_connections = {connections}
shared_buffers_mb = 64
"""
_START = """\
#!/bin/sh
# Runs this federation in one terminal{order}. Ctrl-C stops all of it{last}.
# On the terminal is what each prints once it is ready; what it logs is in the output.log of its directory.
set -u
unset LAMINA_DATA_DIR LAMINA_PORT_OFFSET LAMINA_CONFIG
log= nodes= told= stopping= status=0
trap 'stopping=1' INT TERM HUP

# A process that has ended and was not waited for has no program any more.
alive() {{ [ -e "/proc/$1/exe" ]; }}

# Says once of each node that it has ended; fails when all have.
watch() {{
    number=0 running=1
    for pid in "$@"; do
        number=$((number + 1))
        if alive "$pid"; then running=0; continue; fi
        case "$told" in *"<$pid>"*) continue ;; esac
        told="$told<$pid>"
        echo "node$number has ended; see its output.log" >&2
    done
    return "$running"
}}

end() {{
    for pid in "$@"; do alive "$pid" && kill -TERM "$pid"; done
    for pid in "$@"; do wait "$pid" || status=$?; done
}}

# Each has a session of its own, so that Ctrl-C reaches this script alone and the order of the end is kept.
{log}{nodes}
while [ -z "$stopping" ] && watch $nodes{log_alive}; do sleep 1; done
trap '' INT TERM HUP
end $nodes
end $log
exit "$status"
"""
_START_LOG = """\
: >{ready}
setsid {command} >{ready} 2>>{output} &
log=$!
while [ -z "$stopping" ] && alive "$log" && [ ! -s {ready} ]; do sleep 0.1; done
if [ ! -s {ready} ]; then
    [ -n "$stopping" ] || echo "the database of the log does not run; see" {output} >&2
    end "$log"
    exit "$status"
fi
cat {ready}
"""
_START_NODE = """\
setsid {command} 2>>{output} &
nodes="$nodes $!"
"""


def node_settings(federation: TrialFederation, node: TrialNode) -> str:
    """A node's lamina.toml."""
    return _NODE.format(
        name=node.name,
        count=len(federation.nodes),
        config=node.config,
        data_dir=_text(node.directory),
        port_offset=node.port_offset,
        keyring=json.dumps([each.public_key for each in federation.nodes if each is not node], indent=2),
        log_dsn_file=_text(federation.log_dsn_file),
    )


def log_settings(federation: TrialFederation) -> str:
    """The log's lamina.toml."""
    return _LOG.format(connections=max(CONNECTIONS_MIN, CONNECTIONS_PER_NODE * len(federation.nodes)))


def start_script(federation: TrialFederation) -> str:
    """The script that runs everything with the interpreter that writes it."""
    log = federation.has_log
    return _START.format(
        order=", the log's database first" if log else "",
        last=", the log last" if log else "",
        log=_start_log(federation) if log else "",
        nodes="".join(_start_node(node) for node in federation.nodes),
        log_alive=' && alive "$log"' if log else "",
    )


def _start_log(federation: TrialFederation) -> str:
    return _START_LOG.format(
        command=_command(federation.log_arguments),
        ready=_quoted(federation.log_directory / "ready"),
        output=_quoted(federation.log_directory / "output.log"),
    )


def _start_node(node: TrialNode) -> str:
    return _START_NODE.format(command=_command(node.arguments), output=_quoted(node.directory / "output.log"))


def _command(arguments: Sequence[str]) -> str:
    return shlex.join([sys.executable, "-m", "lamina", *arguments])


def _quoted(value: object) -> str:
    return shlex.quote(str(value))


def _text(value: object) -> str:
    """A TOML string; JSON's are a part of those."""
    return json.dumps(str(value), ensure_ascii=False)
