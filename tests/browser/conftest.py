"""Fixtures of the tests in a browser."""

from collections.abc import Iterator
from typing import Any

import pytest
from tests.browser.chromium import launch


@pytest.fixture(scope="module")
def browser() -> Iterator[Any]:
    yield from launch()
