"""How far a backup command is, on standard error: a line per stage, and progress within the long ones."""

import signal
from types import FrameType

from lamina.cli.progress import Progress
from lamina.cli.prompts import say


class Stages:
    """One stage after another; a `lamina.app.backup.watcher.Watcher`."""

    def __init__(self) -> None:
        self._stage = ""
        self._progress: Progress | None = None
        self._done = 0

    def begin(self, stage: str, sentence: str) -> None:
        """Say what begins."""
        self.finish()
        self._stage = stage
        say(sentence)

    def advance(self, unit: str, done: int, total: int | None) -> None:
        """Say how far it is, if it is time to."""
        if self._progress is None:
            self._progress = Progress(self._stage, unit, total)
        self._done = done
        self._progress.show(done)

    def finish(self) -> None:
        """Leave the line of the last stage."""
        if self._progress is not None:
            self._progress.finish(self._done)
        self._progress = None


def end_as_interrupted() -> None:
    """Let SIGTERM do what Ctrl-C does, so that a service manager's stop removes temporary directories too."""
    signal.signal(signal.SIGTERM, _interrupt)


def _interrupt(_number: int, _frame: FrameType | None) -> None:
    if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
        # A script's shell starts what runs in its background like this.
        signal.signal(signal.SIGINT, signal.default_int_handler)
    signal.raise_signal(signal.SIGINT)
