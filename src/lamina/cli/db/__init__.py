"""`lamina db`: the database's state, its migrations, and a shell in it."""

import typer

from lamina.cli.db.migrate import migrate
from lamina.cli.db.shell import shell
from lamina.cli.db.status import status

group = typer.Typer(no_args_is_help=True, help="The database: state, migrations, shell.")
group.command("status")(status)
group.command("migrate")(migrate)
group.command(
    "shell",
    context_settings={
        "allow_extra_args": True,
        "ignore_unknown_options": True,
        "help_option_names": ["--help"],
    },
)(shell)
