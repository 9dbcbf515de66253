import math
import random
import struct

import pytest
from tests import canonical_reference

from lamina.formats.errors import FormatError
from lamina.formats.float_text import float_text


@pytest.mark.parametrize(
    ("x", "text"),
    [
        (0.0, "0.0"),
        (-0.0, "-0.0"),
        (1.0, "1.0"),
        (100.0, "100.0"),
        (123456.789, "123456.789"),
        (0.1 + 0.2, "0.30000000000000007"),
        (-3308.4020352, "-3308.4020351999999"),
        (1e16, "10000000000000000.0"),
        (1e20, "100000000000000000000.0"),
        (1e21, "1e21"),
        (-1e22, "-1e22"),
        (1.5e300, "1.5e300"),
        (1e-6, "0.000001"),
        (0.00001234, "0.00001234"),
        (1e-7, "1e-7"),
        (5e-324, "5e-324"),
        (1.7976931348623157e308, "1.7976931348623157e308"),
        (2.2250738585072014e-308, "2.2250738585072014e-308"),
        (1e23, "9.999999999999999e22"),
    ],
)
def test_known_texts(x: float, text: str) -> None:
    assert float_text(x) == text


@pytest.mark.parametrize("x", [math.nan, math.inf, -math.inf])
def test_floats_that_are_not_finite_are_refused(x: float) -> None:
    with pytest.raises(FormatError):
        float_text(x)


def test_zero_keeps_its_sign_whatever_was_asked_before() -> None:
    assert [float_text(x) for x in (0.0, -0.0, 0.0, -0.0)] == ["0.0", "-0.0", "0.0", "-0.0"]


def test_edges_of_every_binade_agree_with_the_reference() -> None:
    for exponent in range(-1074, 1024):
        bits = struct.unpack(">q", struct.pack(">d", 2.0**exponent))[0]
        for step in (-1, 0, 1):
            (x,) = struct.unpack(">d", struct.pack(">q", max(bits + step, 1)))
            assert float_text(x) == canonical_reference.float_text(x)


def test_many_kinds_of_floats_agree_with_the_reference() -> None:
    chance = random.Random(11)
    values = [chance.random() for _ in range(1000)]
    values += [round(chance.uniform(-1e6, 1e6), chance.randrange(9)) for _ in range(1000)]
    values += [chance.randrange(1, 2**52) * 5e-324 for _ in range(500)]
    values += [float(10**power) for power in range(300)] + [float(whole) for whole in range(500)]
    for x in values:
        assert float_text(x) == canonical_reference.float_text(x)
        assert float(float_text(x)) == x
