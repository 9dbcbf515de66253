"""Questions on standard error: standard output has results only. The end of input is an empty answer."""

import getpass
import sys


def ask(question: str) -> str:
    """One line of standard input without its line break."""
    sys.stderr.write(question)
    sys.stderr.flush()
    return sys.stdin.readline().rstrip("\r\n")


def ask_secret(question: str) -> str:
    """The same without showing what is typed, where somebody types."""
    if sys.stdin.isatty():
        return getpass.getpass(question, stream=sys.stderr)
    return ask(question)


def say(text: str) -> None:
    """Tell something that is no result."""
    sys.stderr.write(text + "\n")
