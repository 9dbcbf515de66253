"""A slow second opinion on canonical JSON, written digit by digit from spec/ledger.md 1.2 points 1 to 6.

Shares no code with the product, so that both can be compared on any value.
"""

import struct

_SHORT = {'"': '\\"', "\\": "\\\\", "\b": "\\b", "\t": "\\t", "\n": "\\n", "\f": "\\f", "\r": "\\r"}


def canonical(value: object) -> str:
    """Canonical text of a value made of dict, list, tuple, str, int, float, bool and None."""
    if value is None or value is True or value is False:
        return {None: "null", True: "true", False: "false"}[value]
    if isinstance(value, str):
        return _quoted(value)
    if isinstance(value, float):
        return float_text(value)
    if isinstance(value, int):
        return str(value)
    if isinstance(value, dict):
        names = sorted(value, key=lambda name: [ord(character) for character in name])
        return "{" + ",".join(f"{_quoted(name)}:{canonical(value[name])}" for name in names) + "}"
    return "[" + ",".join(canonical(item) for item in value) + "]"


def float_text(x: float) -> str:
    """Text of a finite float."""
    sign = "-" if struct.pack(">d", x)[0] & 0x80 else ""
    if x == 0:
        return sign + "0.0"
    digits, exponent = _grisu2(abs(x))
    point = len(digits) + exponent
    if exponent >= 0 and point <= 21:
        return f"{sign}{digits}{'0' * exponent}.0"
    if 0 < point <= 21:
        return f"{sign}{digits[:point]}.{digits[point:]}"
    if -6 < point <= 0:
        return f"{sign}0.{'0' * -point}{digits}"
    rest = f".{digits[1:]}" if digits[1:] else ""
    return f"{sign}{digits[0]}{rest}e{point - 1}"


def _quoted(text: str) -> str:
    return '"' + "".join(_SHORT.get(c) or (f"\\u{ord(c):04X}" if c < " " else c) for c in text) + '"'


def _grisu2(x: float) -> tuple[str, int]:
    (bits,) = struct.unpack(">Q", struct.pack(">d", x))
    biased, fraction = divmod(bits, 2**52)
    f, e = (2**52 + fraction, biased - 1075) if biased else (fraction, -1074)
    plus = _normalised(2 * f + 1, e - 1)
    minus = (4 * f - 1, e - 2) if f == 2**52 else (2 * f - 1, e - 1)
    minus = (minus[0] * 2 ** (minus[1] - plus[1]), plus[1])
    dk = (-61 - plus[1]) * 0.30102999566398114 + 347
    k = int(dk) + (dk > int(dk))
    index = (k >> 3) + 1
    power = _power(8 * index - 348)
    w, upper, lower = _product(_normalised(f, e), power), _product(plus, power), _product(minus, power)
    digits, exponent = _digits(upper[0] - 1, lower[0] + 1, w[0], 2 ** -upper[1])
    return "".join(map(str, digits)), 348 - 8 * index + exponent


def _digits(upper: int, lower: int, w: int, one: int) -> tuple[list[int], int]:
    delta, distance = upper - lower, upper - w
    p1, p2 = divmod(upper, one)
    kappa = min(len(str(p1)), 9)
    digits: list[int] = []
    while kappa > 0:
        digit, p1 = divmod(p1, 10 ** (kappa - 1))
        digits += [digit] if digit or digits else []
        kappa -= 1
        rest = p1 * one + p2
        if rest <= delta:
            return _rounded(digits, delta, rest, 10**kappa * one, distance), kappa
    while True:
        p2, delta = p2 * 10, delta * 10
        digit, p2 = divmod(p2, one)
        digits += [digit] if digit or digits else []
        kappa -= 1
        if p2 < delta:
            return _rounded(digits, delta, p2, one, distance * 10**-kappa if -kappa < 9 else 0), kappa


def _rounded(digits: list[int], delta: int, rest: int, ten: int, w: int) -> list[int]:
    while rest < w and delta - rest >= ten and (rest + ten < w or w - rest > rest + ten - w):
        digits[-1] -= 1
        rest += ten
    return digits


def _normalised(f: int, e: int) -> tuple[int, int]:
    while f < 2**63:
        f, e = f * 2, e - 1
    return f, e


def _product(a: tuple[int, int], b: tuple[int, int]) -> tuple[int, int]:
    return (a[0] * b[0] + 2**63) >> 64, a[1] + b[1] + 64


def _power(exponent: int) -> tuple[int, int]:
    numerator, denominator, e = (10**exponent, 1, 0) if exponent >= 0 else (1, 10**-exponent, 0)
    while numerator >= denominator << 64:
        denominator, e = denominator * 2, e + 1
    while numerator < denominator << 63:
        numerator, e = numerator * 2, e - 1
    return (2 * numerator + denominator) // (2 * denominator), e
