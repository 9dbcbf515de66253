"""The log: structlog over stdlib logging, so that one set of rules holds for our events and for libraries'.

Events carry UTC time, level, logger, `service`, and what is bound to the context, such as `request_id`. They
are masked before they are rendered; tracebacks show no local variables.
"""

import contextlib
import json
import logging
import sys
import threading
from pathlib import Path
from types import TracebackType
from typing import TextIO

import orjson
import structlog
from structlog.typing import EventDict, Processor, WrappedLogger

from lamina.kernel.observability.redaction import masked_fields
from lamina.kernel.observability.rotating import RotatingFile
from lamina.kernel.settings.platform import LogSettings

_CONTROL = {code: f"\\x{code:02x}" for code in (*range(0x20), *range(0x7F, 0xA0))}
_CONTROL_OF_LINES = {code: text for code, text in _CONTROL.items() if code not in b"\t\n"}

# It tells of every request at info: a line every few seconds, with URLs that may hold a peer's key.
_QUIET = {"httpx": "warning"}

_levelled: set[str] = set()


def configure(settings: LogSettings, *, service: str, stream: TextIO) -> None:
    """Send every event of this process where the settings say; a second call replaces the first.

    Args:
        settings: levels, format, file.
        service: the `service` of every event that has none of its own.
        stream: usually standard error; the console form is for terminals unless the settings decide.

    Raises:
        OSError: the log file cannot be opened.
    """
    handlers = [_EventHandler(stream, service, _renderer(settings, stream))]
    if settings.file is not None:
        handlers.append(_file_handler(settings, settings.file, service))
        _part_levels(settings, *handlers)
    if settings.error_file is not None:
        handlers.append(_file_handler(settings, settings.error_file, service))
        handlers[-1].setLevel(logging.ERROR)
    _replace_handlers(handlers)
    _set_levels(settings)
    structlog.configure(
        processors=[
            structlog.stdlib.filter_by_level,
            structlog.stdlib.PositionalArgumentsFormatter(),
            structlog.stdlib.ProcessorFormatter.wrap_for_formatter,
        ],
        wrapper_class=structlog.stdlib.BoundLogger,
        logger_factory=structlog.stdlib.LoggerFactory(),
        cache_logger_on_first_use=True,
    )


def capture_uncaught() -> None:
    """Log what nobody caught, in the main thread and in others, so that it is masked like everything else."""
    sys.excepthook = _log_uncaught
    threading.excepthook = _log_uncaught_in_thread


class _EventHandler(logging.StreamHandler["TextIO | _Lines"]):
    """Writes rendered events; where it cannot, it says so without saying what."""

    def __init__(self, stream: "TextIO | _Lines", service: str, renderer: Processor) -> None:
        super().__init__(stream)
        self.setFormatter(structlog.stdlib.ProcessorFormatter(processors=_processors(service, renderer)))

    def handleError(self, record: logging.LogRecord) -> None:  # noqa: N802 (logging's name)
        """Keep logging's own report away: it prints the event unmasked."""
        kind = sys.exc_info()[0]
        with contextlib.suppress(OSError, ValueError):
            sys.stderr.write(f"an event of {record.name} was not logged: {kind.__name__ if kind else ''}\n")

    def close(self) -> None:
        """Release the file, if it is one; the stream is the caller's."""
        if isinstance(self.stream, _Lines):
            self.stream.close()
        super().close()


class _Lines:
    """A rotating file as a text stream."""

    def __init__(self, file: RotatingFile) -> None:
        self._file = file

    def write(self, text: str) -> None:
        self._file.write(text.encode("utf-8", "backslashreplace"))

    def flush(self) -> None:
        """Nothing is kept back."""

    def close(self) -> None:
        self._file.close()


def _file_handler(settings: LogSettings, path: Path, service: str) -> _EventHandler:
    file = RotatingFile(path, bytes_max=settings.rotate_bytes, keep=settings.rotate_keep)
    return _EventHandler(_Lines(file), service, _as_json)


def _part_levels(settings: LogSettings, terminal: _EventHandler, file: _EventHandler) -> None:
    """Give terminal and file levels of their own; `log.levels` then cannot go below them."""
    if settings.file_level is not None:
        terminal.setLevel(settings.level.upper())
        file.setLevel(settings.file_level.upper())


def _replace_handlers(handlers: list[_EventHandler]) -> None:
    root = logging.getLogger()
    for handler in root.handlers[:]:
        if isinstance(handler, _EventHandler):
            root.removeHandler(handler)
            handler.close()
    for handler in handlers:
        root.addHandler(handler)


def _set_levels(settings: LogSettings) -> None:
    levels = {**_QUIET, **settings.levels}
    for name in _levelled - levels.keys():
        logging.getLogger(name).setLevel(logging.NOTSET)
    _levelled.clear()
    _levelled.update(levels)
    numbers = logging.getLevelNamesMapping()
    of_file = settings.file_level if settings.file is not None else None
    lowest = min(numbers[level.upper()] for level in (settings.level, of_file or settings.level))
    logging.getLogger().setLevel(lowest)
    for name, level in levels.items():
        logging.getLogger(name).setLevel(level.upper())


def _processors(service: str, renderer: Processor) -> list[Processor]:
    def named(_logger: WrappedLogger, _method: str, event: EventDict) -> EventDict:
        event.setdefault("service", service)
        return event

    return [
        structlog.contextvars.merge_contextvars,
        structlog.stdlib.add_log_level,
        structlog.stdlib.add_logger_name,
        named,
        structlog.processors.TimeStamper(fmt="iso", utc=True),
        structlog.stdlib.ProcessorFormatter.remove_processors_meta,
        structlog.processors.StackInfoRenderer(),
        structlog.processors.format_exc_info,
        _masked,
        renderer,
    ]


def _masked(_logger: WrappedLogger, _method: str, event: EventDict) -> EventDict:
    return masked_fields(event)


def _renderer(settings: LogSettings, stream: TextIO) -> Processor:
    is_terminal = stream.isatty()
    if settings.format == "json" or (settings.format == "auto" and not is_terminal):
        return _as_json
    console = structlog.dev.ConsoleRenderer(
        colors=is_terminal, sort_keys=False, exception_formatter=structlog.dev.plain_traceback
    )

    def render(logger: WrappedLogger, method: str, event: EventDict) -> str:
        return console(logger, method, {name: _printable(name, value) for name, value in event.items()})

    return render


def _printable(name: str, value: object) -> object:
    """Text that cannot steer a terminal or forge a line; only tracebacks keep their line breaks."""
    if not isinstance(value, str):
        return value
    return value.translate(_CONTROL_OF_LINES if name in {"exception", "stack"} else _CONTROL)


def _as_json(_logger: WrappedLogger, _method: str, event: EventDict) -> str:
    try:
        return orjson.dumps(event).decode()
    except TypeError:  # an integer past 64 bits or a lone surrogate
        return json.dumps(event)


def _log_uncaught(kind: type[BaseException], error: BaseException, trace: TracebackType | None) -> None:
    structlog.stdlib.get_logger("lamina").critical("uncaught", exc_info=(kind, error, trace))


def _log_uncaught_in_thread(args: threading.ExceptHookArgs) -> None:
    if args.exc_value is not None and args.exc_type is not SystemExit:
        _log_uncaught(args.exc_type, args.exc_value, args.exc_traceback)
