"""The root of every known error: a stable code, a sentence, and what to do next."""

import inspect
from typing import ClassVar


class LaminaError(Exception):
    """Something Lamina knows about went wrong.

    The class docstring is the default sentence; `hint` says what the operator does next. Services render the
    same error in their own wire shape; the command line prints code, where, why and do.
    """

    code: ClassVar[str] = "lamina_error"
    http_status: ClassVar[int] = 500
    exit_code: ClassVar[int] = 1
    retryable: ClassVar[bool] = False

    def __init__(self, detail: str | None = None, *, hint: str | None = None, **context: object) -> None:
        """Keep what happened.

        Args:
            detail: one sentence; the class docstring's first line when absent.
            hint: the next thing to do; `default_hint()` when absent.
            context: facts worth showing (never secrets).
        """
        self.detail = detail or inspect.cleandoc(type(self).__doc__ or "").splitlines()[0]
        self.context = context
        self._hint = hint
        super().__init__(self.detail)

    @property
    def hint(self) -> str:
        """What to do next, as a sentence or a command."""
        return self._hint if self._hint is not None else self.default_hint()

    def default_hint(self) -> str:
        """The remedy this kind of error always has; empty when there is none."""
        return ""


class ConfigurationError(LaminaError):
    """A setting is missing, unknown or cannot be used as it stands."""

    code = "configuration"
    exit_code = 3

    def default_hint(self) -> str:
        """Point at the command that shows where each value comes from."""
        return "Run: lamina config explain"


class SecretFileError(ConfigurationError):
    """A secret file is missing, is not a regular file, or others may read it."""

    code = "secret_file"


class DependencyUnreachable(LaminaError):
    """Something Lamina needs outside itself does not answer."""

    code = "dependency_unreachable"
    http_status = 503
    exit_code = 5
    retryable = True


class DatabaseUnavailable(DependencyUnreachable):
    """The database does not answer or refuses work for now."""

    code = "database_unavailable"

    def default_hint(self) -> str:
        """Point at the health page's reasons."""
        return "Run: lamina status"


class NoFreeConnection(DatabaseUnavailable):
    """Every connection is in use, or none could be opened in time."""


class QuorumLost(DatabaseUnavailable):
    """Too few standbys are there: a commit would wait until one is back, so nothing is begun."""

    code = "quorum_lost"

    def default_hint(self) -> str:
        """Point at the one safe remedy."""
        return (
            "Bring a standby back; never cancel what waits for one. "
            "See docs/how-to/run-on-replicated-postgresql.md"
        )


class CommitUnknown(LaminaError):
    """The connection died while a commit was on its way; the work may or may not be stored.

    Never retried blindly: the caller re-reads by key (distribution-and-reliability D6).
    """

    code = "commit_unknown"
    http_status = 503
    exit_code = 5


class Overloaded(LaminaError):
    """A bounded queue is full; the request was refused before any work was done."""

    code = "overloaded"
    http_status = 503
    retryable = True


class AlreadyRunning(LaminaError):
    """Another Lamina owns this data directory or port."""

    code = "already_running"
    exit_code = 4
