"""`lamina ledger federation new`: keys, settings and a start script for nodes on this machine."""

import shlex
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from lamina.cli.config import FileExists
from lamina.cli.options import GlobalOptions, options_of
from lamina.cli.output import print_json, print_table, result_console
from lamina.kernel.errors import ConfigurationError

if TYPE_CHECKING:
    from lamina.cli.ledger.federation.layout import TrialFederation, TrialNode

NODES_MAX = 16
"""As `pipeline.federation.MEMBERS_MAX`, which a command's help is too quick to import."""
OFFSET_MAX = 50_000


def new(
    context: typer.Context,
    count: Annotated[int, typer.Argument(min=1, max=NODES_MAX, metavar="N", help="How many nodes.")],
    directory: Annotated[Path, typer.Argument(metavar="DIR", help="A directory that is empty or new.")],
    log_dsn_file: Annotated[
        Path | None,
        typer.Option(
            help="File of mode 0600 with the DSN of an existing PostgreSQL for the log; "
            "without it DIR gets a log of its own."
        ),
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="As JSON.")] = False,
) -> None:
    """Write a federation of N nodes for this machine: keys, settings, and a script that runs all of it.

    The first node has the default ports, or those of --port-offset; each next one's are 10 higher.

    Example: lamina ledger federation new 3 ./federation && ./federation/start.sh
    """
    from lamina.kernel.settings.platform import PlatformSettings

    options = options_of(context)
    offset = options.settings().get(PlatformSettings).port_offset
    dsn = None if log_dsn_file is None else _read_dsn(log_dsn_file)
    federation = _write(directory.absolute(), count, offset, dsn)
    if as_json or options.json:
        print_json(_document(federation))
    else:
        _print(federation, options)


def _read_dsn(path: Path) -> str:
    from lamina.kernel.crypto.secret_file import read_secret
    from lamina.kernel.settings.dsn import Dsn, check

    try:
        return check(Dsn(read_secret(path).decode().strip())).get_secret_value()
    except ValueError as problem:
        raise ConfigurationError(f"the DSN in {path} {problem}") from None


def _write(directory: Path, count: int, first_offset: int, dsn: str | None) -> "TrialFederation":
    """Make everything; nothing that exists is touched.

    Raises:
        FileExists: the directory has something in it.
        ConfigurationError: it cannot be made, or the last node's ports would not exist.
    """
    from lamina.cli.ledger.federation import texts
    from lamina.cli.ledger.federation.layout import CONFIG, PORT_STEP, TrialFederation
    from lamina.kernel.crypto.secret_file import create_secret

    if first_offset + (count - 1) * PORT_STEP > OFFSET_MAX:
        raise ConfigurationError(
            f"the last node's port offset would be above {OFFSET_MAX}", hint="Choose a smaller --port-offset"
        )
    _make_empty(directory)
    nodes = tuple(
        _make_node(directory, number, first_offset + (number - 1) * PORT_STEP)
        for number in range(1, count + 1)
    )
    federation = TrialFederation(directory, nodes, has_log=dsn is None)
    if dsn is None:
        federation.log_directory.mkdir(mode=0o711)
        (federation.log_directory / CONFIG).write_text(texts.log_settings(federation), encoding="utf-8")
        dsn = _expected_dsn(federation.log_directory)
    create_secret(federation.log_dsn_file, f"{dsn}\n".encode())
    for node in nodes:
        node.config.write_text(texts.node_settings(federation, node), encoding="utf-8")
    federation.start.write_text(texts.start_script(federation), encoding="utf-8")
    federation.start.chmod(0o755)
    return federation


def _make_empty(directory: Path) -> None:
    try:
        directory.mkdir(mode=0o755, parents=True, exist_ok=True)
        is_empty = not any(directory.iterdir())
    except FileExistsError:
        is_empty = False
    except OSError as failure:
        raise ConfigurationError(f"{directory} cannot be used: {failure.strerror}") from failure
    if not is_empty:
        raise FileExists(f"{directory} is not empty", hint="Name a directory that is empty or new")


def _make_node(directory: Path, number: int, port_offset: int) -> "TrialNode":
    from lamina.cli.ledger.federation.layout import TrialNode
    from lamina.kernel.crypto.keys import load_or_create
    from lamina.services.ledger.node import KEY_FILE

    name = f"node{number}"
    place = directory / name
    # Passable, not readable, as every data directory: PostgreSQL's account must get to its cluster.
    place.mkdir(mode=0o711)
    return TrialNode(name, place, load_or_create(place / KEY_FILE).public, port_offset)


def _expected_dsn(data_dir: Path) -> str:
    """Where the log will serve in all likelihood; `federation log` corrects it where that is elsewhere."""
    from urllib.parse import quote

    from lamina.kernel.storage.embedded.cluster import DATABASE, ROLE
    from lamina.kernel.storage.embedded.sockets import PORT

    return f"postgresql://{ROLE}@/{DATABASE}?host={quote(str(data_dir / 'run'))}&port={PORT}"


def _document(federation: "TrialFederation") -> dict[str, Any]:
    return {
        "directory": str(federation.directory),
        "start": str(federation.start),
        "majority": federation.majority,
        "log": {
            "dsn_file": str(federation.log_dsn_file),
            "command": ["lamina", *federation.log_arguments] if federation.has_log else None,
        },
        "nodes": [
            {
                "name": node.name,
                "public_key": node.public_key,
                "config": str(node.config),
                "url": node.url,
                "stream_url": node.stream_url,
                "admin_url": node.admin_url,
                "command": ["lamina", *node.arguments],
            }
            for node in federation.nodes
        ],
    }


def _print(federation: "TrialFederation", options: GlobalOptions) -> None:
    console = result_console(color=options.color)
    count, majority = len(federation.nodes), federation.majority
    console.print(f"A federation of {count} in {federation.directory}", style="bold", markup=False)
    console.print(f"  decides   while {majority} of {count} run and agree{_advice(count)}", markup=False)
    console.print(f"  run       {shlex.quote(str(federation.start))}", markup=False)
    first = shlex.join(["lamina", "--config", str(federation.nodes[0].config), "demo"])
    console.print(f"  try       {first}", markup=False)
    console.print("Or each in a terminal of its own, the log first:", markup=False)
    log = [("log", "", "", shlex.join(["lamina", *federation.log_arguments]))] if federation.has_log else []
    rows = [
        (node.name, node.url, node.admin_url, shlex.join(["lamina", *node.arguments]))
        for node in federation.nodes
    ]
    print_table(("", "url", "admin", "run"), [*log, *rows], color=options.color)


def _advice(count: int) -> str:
    """A word on numbers that cost more than they give."""
    if count % 2:
        return ""
    return f"; it can lose no more than {count - 1} could, so an odd number is better"
