"""What it means that a client library cannot be had: a skip, or a failure where it has to be there."""

import os
from typing import NoReturn

import pytest


class ClientsUnavailableError(Exception):
    """A client library could not be installed; `registry_answered` tells a broken build from no network."""

    def __init__(self, reason: str, *, registry_answered: bool) -> None:
        super().__init__(reason)
        self.registry_answered = registry_answered


def report_absence(absence: ClientsUnavailableError) -> NoReturn:
    """Skip with the reason; fail under `LAMINA_REQUIRE_CLIENTS=1`, or in CI when the registry did answer."""
    in_ci = os.environ.get("CI") == "true" and absence.registry_answered
    if in_ci or os.environ.get("LAMINA_REQUIRE_CLIENTS") == "1":
        pytest.fail(str(absence), pytrace=False)
    pytest.skip(str(absence))
