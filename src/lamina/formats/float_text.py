"""The text of a float inside hashed bytes: Grisu2 exactly as RapidJSON 1.1.0 writes it (spec/ledger.md 1.2).

Every other formatter (`repr`, JavaScript, orjson, newer python-rapidjson) writes other digits for about a
quarter of all doubles, and so changes transaction ids. Integers only inside, so the machine does not matter.
"""

import math
from bisect import bisect_left
from functools import lru_cache
from struct import Struct

from lamina.formats.errors import FormatError

_DOUBLE, _BITS = Struct(">d"), Struct(">Q")
_CACHED_TEXTS = 16384
_HIDDEN_BIT = 1 << 52
_FRACTION = _HIDDEN_BIT - 1
_ROUND_UP = 1 << 63
_LOG10_2 = 0.30102999566398114
_TENS = tuple(10**exponent for exponent in range(20))
# With 19 places nothing above one part in 2**60 is left out.
_PLACES = range(20)


def float_text(x: float) -> str:
    """Canonical text of a finite float; always reads back as the same float.

    Raises:
        FormatError: NaN or an infinity.
    """
    if not math.isfinite(x):
        raise FormatError("a float that is not finite has no canonical text")
    if x == 0.0:
        return "-0.0" if math.copysign(1.0, x) < 0 else "0.0"
    return _positive_text(x) if x > 0 else "-" + _positive_text(-x)


@lru_cache(maxsize=_CACHED_TEXTS)
def _positive_text(x: float) -> str:
    """Text of a finite float above zero."""
    digits, exponent = _shortest_digits(x)
    point = len(digits) + exponent
    if exponent >= 0 and point <= 21:
        return digits + "0" * exponent + ".0"
    if 0 < point <= 21:
        return f"{digits[:point]}.{digits[point:]}"
    if -6 < point <= 0:
        return f"0.{'0' * -point}{digits}"
    fraction = "." + digits[1:] if len(digits) > 1 else ""
    return f"{digits[0]}{fraction}e{point - 1}"


def _shortest_digits(x: float) -> tuple[str, int]:
    """Digits and decimal exponent of a finite float above zero (spec/ledger.md 1.2 point 6, steps a to d)."""
    significand, exponent = _binary_parts(x)
    plus, minus, plus_exponent = _boundaries(significand, exponent)
    power, power_exponent, decimal_exponent = _power_near(plus_exponent)
    normalised = significand << (64 - significand.bit_length())
    value = (normalised * power + _ROUND_UP) >> 64
    upper = ((plus * power + _ROUND_UP) >> 64) - 1
    lower = ((minus * power + _ROUND_UP) >> 64) + 1
    shift = -(plus_exponent + power_exponent + 64)
    number, scale = _generate(upper, upper - lower, upper - value, shift)
    return str(number), decimal_exponent + scale


def _binary_parts(x: float) -> tuple[int, int]:
    """Integers (f, e) with x = f * 2**e."""
    (bits,) = _BITS.unpack(_DOUBLE.pack(x))
    biased_exponent, fraction = bits >> 52, bits & _FRACTION
    return (fraction + _HIDDEN_BIT, biased_exponent - 1075) if biased_exponent else (fraction, -1074)


def _boundaries(significand: int, exponent: int) -> tuple[int, int, int]:
    """Half-way points to the neighbouring floats as 64-bit significands of one common exponent."""
    plus = 2 * significand + 1
    shift = 64 - plus.bit_length()
    # Below a power of two the neighbour is only half as far away.
    minus = (
        (4 * significand - 1) << (shift - 1) if significand == _HIDDEN_BIT else (2 * significand - 1) << shift
    )
    return plus << shift, minus, exponent - 1 - shift


def _power_near(binary_exponent: int) -> tuple[int, int, int]:
    """The stored power of ten that brings a value of this exponent into reach: (f, e, decimal exponent)."""
    estimate = (-61 - binary_exponent) * _LOG10_2 + 347
    steps = math.ceil(estimate)
    index = (steps >> 3) + 1
    return *_POWERS[index], 348 - 8 * index


def _generate(upper: int, delta: int, distance: int, shift: int) -> tuple[int, int]:
    """The digits as one integer and the power of ten they are short of (steps e and f of the spec).

    The spec appends digit by digit until what is left out is within `delta`. What is left out only shrinks
    with every digit, so the place to stop is searched for instead.
    """
    one = 1 << shift
    if upper & (one - 1) <= delta:
        return _stop_before_point(upper, delta, distance, shift)
    return _stop_after_point(upper, delta, distance, shift)


def _stop_before_point(upper: int, delta: int, distance: int, shift: int) -> tuple[int, int]:
    """Digits that end left of the binary point (step e)."""
    kappa = min(len(str(upper >> shift)), 9) - 1
    while True:
        ten = _TENS[kappa] << shift
        number, rest = divmod(upper, ten)
        if rest <= delta:
            return _round(number, delta, rest, ten, distance), kappa
        kappa -= 1


def _stop_after_point(upper: int, delta: int, distance: int, shift: int) -> tuple[int, int]:
    """Digits that end right of the binary point (step f)."""
    one = 1 << shift
    places = bisect_left(_PLACES, True, key=lambda n: upper * _TENS[n] & (one - 1) < delta * _TENS[n])
    ten = _TENS[places]
    scaled = upper * ten
    # The original looks the power up in a table of nine and takes zero past its end, which leaves the last
    # digit uncorrected. Ids depend on it.
    weight = distance * ten if places < 9 else 0
    return _round(scaled >> shift, delta * ten, scaled & (one - 1), one, weight), -places


def _round(number: int, delta: int, rest: int, ten: int, distance: int) -> int:
    """Lower the last digit while that brings the text nearer to the value."""
    while (
        rest < distance
        and delta - rest >= ten
        and (rest + ten < distance or distance - rest > rest + ten - distance)
    ):
        number -= 1
        rest += ten
    return number


def _power_of_ten(exponent: int) -> tuple[int, int]:
    """10**exponent as (f, e) with f of exactly 64 bits, rounded to nearest."""
    if exponent >= 0:
        exact = 10**exponent
        shift = exact.bit_length() - 64
        return (exact << -shift, shift) if shift <= 0 else ((exact + (1 << (shift - 1))) >> shift, shift)
    divisor = 10**-exponent
    shift = 63 + divisor.bit_length()
    return ((1 << (shift + 1)) // divisor + 1) >> 1, -shift


_POWERS = tuple(_power_of_ten(8 * index - 348) for index in range(87))
