"""How serious a log line says it is: klog, JSON, logfmt, log4j, Python, Rust, .NET, Ruby, syslog, nginx, databases.

Only what a line says of itself counts, near its beginning: what a message quotes further on is not its level. What
belongs to the line before, such as a stack trace, has that line's level; `LevelReader` remembers it for each stream.
Three to eight microseconds for each line: patterns are anchored, or read a bounded head.
"""

from __future__ import annotations

import re
from enum import IntEnum
from typing import Any, Final

import msgspec

from k8sops.core.logs import LogStream


class Level(IntEnum):
    """From what nobody reads to what nobody survives; UNKNOWN is what says nothing of itself."""

    UNKNOWN = 0
    TRACE = 1
    DEBUG = 2
    INFO = 3
    WARN = 4
    ERROR = 5
    FATAL = 6


NAMES: Final = ("trace", "debug", "info", "warn", "error", "fatal")
HEAD: Final = 160
"""Characters in which a level is looked for."""
MOST_STREAMS: Final = 20_000

_WORDS: Final[dict[str, Level]] = {
    word: level
    for level, words in {
        Level.TRACE: "trace trc trce verbose finest finer silly",
        Level.DEBUG: "debug dbg dbug debu fine config d",
        Level.INFO: "info inf information informational notice note log system default success i",
        Level.WARN: "warn warning wrn warnings w",
        Level.ERROR: "error err eror erro fail failure severe e",
        Level.FATAL: "fatal ftl panic critical crit alert emerg emergency dpanic f",
    }.items()
    for word in words.split()
}
_SYSLOG: Final = (*[Level.FATAL] * 3, Level.ERROR, Level.WARN, Level.INFO, Level.INFO, Level.DEBUG)
_REDIS: Final = {".": Level.DEBUG, "-": Level.DEBUG, "*": Level.INFO, "#": Level.WARN}

_COLOURS: Final = re.compile(r"\x1b\[[0-9;:]{0,32}m")
_KLOG: Final = re.compile(r"([IWEF])\d{4,8} \d\d:\d\d:\d\d")
_RUBY: Final = re.compile(r"([DIWEF]), \[\d")
_PRIORITY: Final = re.compile(r"<(\d{1,3})>")
_REDIS_LINE: Final = re.compile(r"\d+:[MSCX] \d\d \w{3} \d{4} [\d:.]+ ([.*#-]) ")
_PAIR: Final = re.compile(
    r"(?<![\w.-])@?(?:log[._]?)?(?:level(?:name)?|lvl|severity)\"?\s{0,2}[=:]\s{0,2}\"?([A-Za-z]{1,13}|\d{1,2})\b",
    re.IGNORECASE,
)
# In capitals a level may stand by itself; else it is framed, or the first word behind the time.
_CAPITALS: Final = (
    "TRACE|DEBUG|INFO|NOTICE|WARN|WARNING|ERROR|ERR|SEVERE|FATAL|PANIC|CRITICAL|CRIT|ALERT|EMERG|"
    "LOG|TRC|DBG|INF|WRN|FTL"
)
_ANY: Final = (
    r"trace|debug|info|notice|note|warn|warning|error|err|fatal|panic|critical|crit|alert|emerg|system|"
    r"trce|dbug|fail"
)
_FRAMED: Final = re.compile(rf"[\[(<|]\s{{0,3}}(?i:({_ANY}))\s{{0,3}}[\])>|:]")
# What may not stand before a word is asked behind it: a search then skips what no word begins with.
_ALONE: Final = re.compile(
    "(" + "|".join(rf"{word}(?<![\w./%+=-]{word})" for word in _CAPITALS.split("|")) + r")(?![\w/=-]|\.\w)"
)
_FIRST: Final = re.compile(
    rf"(?:\d\.\d+e\+\d\d)?[\d\s:.,+\[\]/-]{{0,48}}+(?:(?<=\d)[TZ][\d\s:.,Z+\[\]/-]{{0,24}}+)?"
    rf"(?i:({_ANY}))(?=[:\t\]|]|\s{{0,3}}-|\[\d)"
)
_AFTER_TIME: Final = re.compile(rf"[\d:.,TZ+\[\]/-]{{8,40}}+\s{{1,3}}(?:[\d:.,]{{1,24}}+\s)?(?i:({_ANY}))\s")
_ACCESS: Final = re.compile(r'HTTP/\d(?:\.\d)?" ([1-5])\d\d\b')
_THROWN: Final = re.compile(
    r"(?:Exception in thread |Traceback \(most recent|Caused by: |Unhandled |Uncaught |"
    r"[\w.$]{0,120}(?:Error|Exception|Exit|Interrupt)(?:: |$))"
)
_PANIC: Final = re.compile(r"(?:panic: |fatal error: |thread '[^']{0,80}' panicked|goroutine \d+ \[)")
_DETAIL: Final = re.compile(r"\b(?:DETAIL|HINT|STATEMENT|CONTEXT|QUERY|LOCATION):  ")
_CONTINUES: Final = re.compile(
    r"\s|$|[})\]]|at \S|\.\.\. \d|Caused by: |Suppressed: |During handling|The above exception|note: run with"
)


class _Said(msgspec.Struct, frozen=True, gc=False):
    """What a JSON line may call its level; all else in it is skipped without being decoded."""

    level: Any = None
    severity: Any = None
    lvl: Any = None
    levelname: Any = None
    capital: Any = msgspec.field(default=None, name="Level")
    dotnet: Any = msgspec.field(default=None, name="LogLevel")
    ecs: Any = msgspec.field(default=None, name="log.level")
    hclog: Any = msgspec.field(default=None, name="@level")
    serilog: Any = msgspec.field(default=None, name="@l")
    otel: Any = msgspec.field(default=None, name="severityText")
    loglevel: Any = None
    log_level: Any = None
    journald: Any = msgspec.field(default=None, name="PRIORITY")
    mongo: Any = msgspec.field(default=None, name="s")
    log: Any = None


_DECODER: Final = msgspec.json.Decoder(_Said)
LEVEL_KEYS: Final = tuple(field.encode_name for field in msgspec.structs.fields(_Said))[:-2]
"""The names of JSON fields that hold a level and nothing else."""


def level_named(word: object) -> Level:
    """The level of a word or number: `warning`, `W`, 40 (pino, bunyan), 4 (syslog); UNKNOWN for any other value."""
    if isinstance(word, str):
        known = _WORDS.get(word.strip().lower(), Level.UNKNOWN)
        return level_named(int(word)) if not known and word.isascii() and word.isdigit() else known
    if isinstance(word, bool) or not isinstance(word, int) or word < 0:
        return Level.UNKNOWN
    if word < len(_SYSLOG):
        return _SYSLOG[word]
    return Level(min(6, word // 10)) if word >= 10 else Level.UNKNOWN


def level_of(text: str) -> Level:
    """What one line says of itself; UNKNOWN where it says nothing."""
    if text.startswith("{") and (level := _of_json(text)):
        return level
    head = text[:HEAD]
    if "\x1b" in head:
        head = _COLOURS.sub("", text[: 2 * HEAD])[:HEAD]
    return _of_beginning(head) or _of_words(head, text)


class LevelReader:
    """Levels of lines as they come, stream by stream; what continues a line has that line's level."""

    def __init__(self) -> None:
        self._last: Final[dict[LogStream, tuple[Level, bool]]] = {}
        """The level of each stream's last line, and whether all that says nothing belongs to it."""

    def read(self, stream: LogStream, text: str) -> Level:
        """The level of the stream's next line."""
        before, in_trace = self._last.get(stream, (Level.UNKNOWN, False))
        if text[:1] in {" ", "\t", ""} and (before or in_trace):
            return before
        level = level_of(text)
        if _PANIC.match(text):
            level, in_trace = before if in_trace else Level.FATAL, True
        elif _THROWN.match(text):
            level = before if before >= Level.WARN else Level.ERROR
            in_trace = in_trace or text.startswith("Traceback ")
        elif level:
            in_trace = False
        elif in_trace or (before and (_CONTINUES.match(text) or _DETAIL.search(text[:HEAD]))):
            level = before
        if len(self._last) > MOST_STREAMS:
            # Of streams that ended nobody tells; losing this costs a stack trace its level, once.
            self._last.clear()
        self._last[stream] = (level, in_trace)
        return level


def _of_json(text: str) -> Level:
    try:
        said = _DECODER.decode(text)
    except (msgspec.MsgspecError, UnicodeEncodeError, RecursionError):
        return Level.UNKNOWN
    for field in said.__struct_fields__:
        value = getattr(said, field)
        if value is not None and (level := _of_field(value)):
            return level
    return Level.UNKNOWN


def _of_field(value: Any) -> Level:
    return level_named(value.get("level") if isinstance(value, dict) else value)


def _of_beginning(head: str) -> Level:
    """Formats that are told by how a line begins."""
    first = head[:1]
    if first in "IWEFD" and first:
        if found := _KLOG.match(head) or _RUBY.match(head):
            return _WORDS[found[1].lower()]
    elif first == "<" and (found := _PRIORITY.match(head)) and int(found[1]) <= 191:
        return _SYSLOG[int(found[1]) % 8]
    elif first.isdigit() and (found := _REDIS_LINE.match(head)):
        return _REDIS[found[1]]
    return Level.UNKNOWN


def _of_words(head: str, text: str) -> Level:
    lowered = head.lower()
    if ("level" in lowered or "lvl" in lowered or "severity" in lowered) and (found := _PAIR.search(head)):
        level = level_named(int(found[1]) if found[1].isdigit() else found[1])
        if level:
            return level
    if found := _nearest(head) or _FIRST.match(head) or _AFTER_TIME.match(head):
        return _WORDS[found[1].lower()]
    if " HTTP/" in text and (found := _ACCESS.search(text[:2000])):
        return Level.ERROR if found[1] == "5" else Level.INFO
    return Level.UNKNOWN


def _nearest(head: str) -> re.Match[str] | None:
    framed, alone = _FRAMED.search(head), _ALONE.search(head)
    if framed and alone:
        return framed if framed.start() < alone.start() else alone
    return framed or alone
