"""One line per event, on stderr, for people and for grep; and the request id that ties the hops of a call together."""

import contextvars
import logging
import re
import sys

request_id: contextvars.ContextVar[str] = contextvars.ContextVar("request_id", default="-")
"""The id of the call that is being served; sent on in the metadata key "x-request-id"."""

REQUEST_ID_KEY = "x-request-id"
_ACCEPTABLE = re.compile(r"[A-Za-z0-9._-]{1,64}", re.ASCII)
_UNPRINTABLE = re.compile(r"[\x00-\x1f\x7f-\x9f\u061c\u200e\u200f\u2028\u2029\u202a-\u202e\u2066-\u2069]")


def acceptable_request_id(candidate: str) -> bool:
    """Whether a caller's request id may stand in our log."""
    return _ACCEPTABLE.fullmatch(candidate) is not None


def one_line(text: str) -> str:
    """Text of others, made harmless for a log or a terminal: control characters as \\u escapes."""
    return _UNPRINTABLE.sub(lambda match: f"\\u{ord(match[0]):04x}", text)


def time_of_day(at_us: int) -> str:
    """Microseconds since 1970 as HH:MM:SS.mmm in UTC. By integers: a date's own formatting takes longer than all else
    that makes a line."""
    second, ms = divmod(at_us // 1000, 1000)
    return f"{second // 3600 % 24:02}:{second // 60 % 60:02}:{second % 60:02}.{ms:03}"


class _Lines(logging.Formatter):
    def __init__(self, process: str) -> None:
        super().__init__()
        self._process = process

    def format(self, record: logging.LogRecord) -> str:
        at = time_of_day(int(record.created * 1_000_000))
        level = "" if record.levelno <= logging.INFO else f"{record.levelname} "
        line = f"{at} {self._process:<14} {level}{one_line(record.getMessage())}"
        if record.exc_info:
            line += "\n" + self.formatException(record.exc_info)
        return line


def start_log(process: str) -> None:
    """Send the log of this process to stderr, each line led by UTC time and the process' name."""
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(_Lines(process))
    # No line says by which thread or process: nobody need find out
    # (https://docs.python.org/3/howto/logging.html#optimization).
    logging.logThreads = logging.logProcesses = logging.logMultiprocessing = False
    logging.basicConfig(level=logging.INFO, handlers=[handler], force=True)
