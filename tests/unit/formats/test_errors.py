from lamina.formats.errors import FormatError


def test_callers_may_catch_value_error() -> None:
    assert issubclass(FormatError, ValueError)
