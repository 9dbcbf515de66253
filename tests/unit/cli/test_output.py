import pytest

from lamina.cli.output import print_table, printable


def test_what_would_steer_a_terminal_is_shown_escaped() -> None:
    assert printable("a\x1b[31mb\nc\u202e é") == "a\\x1b[31mb\\nc\\u202e é"


def test_columns_are_aligned_and_never_cut(capsys: pytest.CaptureFixture[str]) -> None:
    long = "x" * 300
    print_table(("name", "value"), [("a", long), ("[b]", "1")], color=False)
    assert capsys.readouterr().out == f"name  value\na     {long}\n[b]   1\n"
