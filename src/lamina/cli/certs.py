"""`lamina certs`: a private certificate authority for the nodes of a deployment and their clients."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from lamina.cli.options import GlobalOptions, options_of
from lamina.cli.output import print_json, print_table

if TYPE_CHECKING:
    from lamina.kernel.crypto.authority import Files
    from lamina.kernel.crypto.certificate import Request

group = typer.Typer(
    no_args_is_help=True, help="Certificates: an authority, nodes, clients, revocation. Keys are EC P-256."
)

DAYS_MAX = 36_500
_Directory = Annotated[Path, typer.Argument(metavar="dir", help="The authority's directory.")]
_Name = Annotated[
    str, typer.Argument(help="The subject's common name, and the name of the files.", metavar="name")
]
_Days = Annotated[int, typer.Option(min=1, max=DAYS_MAX, help="Days until it is no longer valid.")]
_Json = Annotated[bool, typer.Option("--json", help="As JSON.")]


@group.command()
def ca(
    context: typer.Context,
    directory: _Directory,
    name: Annotated[str, typer.Option(help="The subject's common name.")] = "Lamina CA",
    organization: Annotated[str, typer.Option(help="The organization in every subject.")] = "Lamina",
    days: _Days = 3650,
) -> None:
    """Make an authority in a directory, with its first, empty revocation list.

    Whoever has its ca.key can pass for any node: keep the directory offline and in a backup.

    Example: lamina certs ca /srv/lamina-ca --organization "Example Ltd"
    """
    from lamina.kernel.crypto.authority import Authority

    Authority.create(directory, name=name, organization=organization, days=days)
    _print_paths(
        {
            "certificate": directory / "ca.crt",
            "key": directory / "ca.key",
            "revocation_list": directory / "crl.pem",
        },
        options_of(context),
    )


@group.command()
def node(  # noqa: PLR0917 - typer reads options from parameters
    context: typer.Context,
    directory: _Directory,
    name: _Name,
    host: Annotated[
        list[str], typer.Option(help="A host name or address it is reached by; repeat for more.")
    ],
    days: _Days = 365,
    peer: Annotated[
        bool, typer.Option("--peer", help="Also for connections the node opens, as between etcd members.")
    ] = False,
) -> None:
    """Make a key and a server certificate for one node.

    Example: lamina certs node /srv/lamina-ca node1 --host node1.example.org --host 10.0.0.1
    """
    from lamina.kernel.crypto.certificate import Kind, Request, read_host

    hosts = tuple(dict.fromkeys(read_host(each) for each in host))
    files = _issue(directory, Request(Kind.NODE, name, days, hosts, is_peer=peer))
    _print_paths({"certificate": files.certificate, "key": files.key}, options_of(context))


@group.command()
def client(context: typer.Context, directory: _Directory, name: _Name, days: _Days = 365) -> None:
    """Make a key and a client certificate for a program, a person or a database role.

    Example: lamina certs client /srv/lamina-ca lamina_ledger
    """
    from lamina.kernel.crypto.certificate import Kind, Request

    files = _issue(directory, Request(Kind.CLIENT, name, days))
    _print_paths({"certificate": files.certificate, "key": files.key}, options_of(context))


def _issue(directory: Path, request: "Request") -> "Files":
    from lamina.kernel.crypto.authority import Authority

    with Authority.opened(directory) as authority:
        return authority.issue(request)


@group.command(name="list")
def list_issued(context: typer.Context, directory: _Directory, as_json: _Json = False) -> None:
    """List what the authority issued, oldest first.

    Example: lamina certs list /srv/lamina-ca
    """
    from datetime import UTC, datetime

    from lamina.kernel.crypto.authority import read_index

    options = options_of(context)
    now = datetime.now(UTC)
    issued = read_index(directory).issued
    if as_json or options.json:
        import msgspec

        print_json([{**msgspec.to_builtins(each), "state": each.state(now)} for each in issued])
        return
    columns = ("serial", "kind", "name", "state", "until", "hosts")
    rows = [
        (
            each.serial,
            each.kind,
            each.name,
            each.state(now),
            f"{each.not_after:%Y-%m-%d}",
            " ".join(each.hosts),
        )
        for each in issued
    ]
    print_table(columns, rows, color=options.color)


@group.command()
def revoke(
    context: typer.Context,
    directory: _Directory,
    certificate: Annotated[
        str, typer.Argument(metavar="serial|name", help="A serial of `certs list`, or a name only one bears.")
    ],
) -> None:
    """Revoke a certificate and write the next revocation list.

    Hand the list to every server: until then they go on accepting the certificate.

    Example: lamina certs revoke /srv/lamina-ca lamina_ledger
    """
    from lamina.kernel.crypto.authority import CRL_DAYS, Authority

    with Authority.opened(directory) as authority:
        revoked = authority.revoke(certificate)
        path = authority.list_revoked(CRL_DAYS)
    options = options_of(context)
    if options.json:
        print_json({"serial": revoked.serial, "name": revoked.name, "revocation_list": str(path)})
    else:
        typer.echo(f"revoked {revoked.kind} {revoked.name} ({revoked.serial})")
        typer.echo(f"revocation_list {path}")


@group.command()
def crl(
    context: typer.Context,
    directory: _Directory,
    days: Annotated[
        int, typer.Option(min=1, max=DAYS_MAX, help="Days until the next list is out; then this one is void.")
    ] = 30,
) -> None:
    """Write the next revocation list; do so before the last one ends, or servers refuse everybody.

    Example: lamina certs crl /srv/lamina-ca --days 30
    """
    from lamina.kernel.crypto.authority import Authority

    with Authority.opened(directory) as authority:
        path = authority.list_revoked(days)
    _print_paths({"revocation_list": path}, options_of(context))


def _print_paths(paths: dict[str, Path], options: GlobalOptions) -> None:
    if options.json:
        print_json({name: str(path) for name, path in paths.items()})
        return
    for name, path in paths.items():
        typer.echo(f"{name:15} {path}")
