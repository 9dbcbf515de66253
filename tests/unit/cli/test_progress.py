import pytest

from lamina.cli.progress import Progress


def test_the_end_is_told_even_when_no_line_was_due(capsys: pytest.CaptureFixture[str]) -> None:
    progress = Progress("verify", "blocks", 4)
    progress.show(1)
    progress.finish(4)
    told = capsys.readouterr()
    assert told.out == ""
    assert told.err.startswith("verify  100.0 %  4/4 blocks  ")
    assert told.err.endswith("  ETA 00:00\n")
    assert "\x1b" not in told.err


def test_nothing_to_do_is_done(capsys: pytest.CaptureFixture[str]) -> None:
    Progress("verify", "blocks", 0).finish(0)
    assert "100.0 %  0/0 blocks" in capsys.readouterr().err


def test_where_nobody_knows_the_total_only_the_count_is_told(capsys: pytest.CaptureFixture[str]) -> None:
    Progress("dump", "MiB", None).finish(12)
    told = capsys.readouterr().err
    assert told.startswith("dump  12 MiB  ")
    assert "%" not in told
    assert "ETA" not in told
