"""What can go wrong with the embedded PostgreSQL, each with the operator's next step."""

from lamina.kernel.errors import ConfigurationError, DatabaseUnavailable


class BinariesUnavailable(ConfigurationError):
    """The embedded PostgreSQL cannot be executed on this machine."""

    code = "postgres_binaries"

    def default_hint(self) -> str:
        """An external server always works."""
        return "Use an external PostgreSQL (15 or newer): set postgres.dsn or LAMINA_POSTGRES__DSN"


class AccountUnusable(ConfigurationError):
    """PostgreSQL refuses to run as root and no account to run it as can be used."""

    code = "postgres_account"

    def default_hint(self) -> str:
        """Accounts are chosen, never made."""
        return "Set postgres.run_as to an existing, unprivileged account, or start Lamina as an ordinary user"


class ClusterUnusable(ConfigurationError):
    """The database cluster cannot be made or opened where it is."""

    code = "postgres_cluster"

    def default_hint(self) -> str:
        """Another directory is always possible."""
        return "Correct what the message names, or choose another place with --data-dir"


class ServerFailed(DatabaseUnavailable):
    """The embedded PostgreSQL ended, or never accepted connections."""

    code = "postgres_failed"
