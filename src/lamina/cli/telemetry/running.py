"""`lamina telemetry serve`: telemetry alone in the foreground."""

import typer

from lamina.cli import up
from lamina.cli.options import options_of
from lamina.cli.telemetry.options import load_settings


def serve(context: typer.Context) -> None:
    """Run a receiver alone until a signal stops it; several may share one database.

    Nodes connect with --telemetry-url 'ws://HOST:8080/ 1'. Without DATABASE_URL it brings its own PostgreSQL.

    Example: DATABASE_URL=postgres://... LOG_EXPIRY_H=720 lamina telemetry serve
    """
    up.run(load_settings(context), ["telemetry"], options_of(context))
