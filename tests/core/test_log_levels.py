"""Levels of lines: what they say of themselves in every dress, and what belongs to the line before."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from k8sops.core.log_levels import Level, LevelReader, level_named, level_of
from k8sops.core.logs import LogStream

APP = LogStream("shop", "web-1", "app")
OTHER = LogStream("shop", "web-2", "app")

SAID = [
    ("E1122 17:30:01.123456       1 reflector.go:147] failed to list *v1.Pod", Level.ERROR),
    ("W1122 17:30:01.123456       1 warnings.go:70] deprecated", Level.WARN),
    ("I1122 17:30:01.123456       1 main.go:1] error count is 0", Level.INFO),
    ('{"time":"2026-11-22T17:30:00Z","level":"warn","msg":"an error occurred"}', Level.WARN),
    ('{"level":30,"time":1531171074631,"msg":"hello","pid":657}', Level.INFO),
    ('{"name":"app","hostname":"h","pid":1,"level":50,"msg":"x","v":0}', Level.ERROR),
    ('{"severity":"CRITICAL","message":"x"}', Level.FATAL),
    ('{"log.level":"error","message":"x"}', Level.ERROR),
    ('{"log":{"level":"debug"},"message":"x"}', Level.DEBUG),
    ('{"EventId":14,"LogLevel":"Information","Category":"x"}', Level.INFO),
    ('{"@t":"2026-11-22","@l":"Error","@m":"x"}', Level.ERROR),
    ('{"@level":"warn","@message":"x"}', Level.WARN),
    ('{"t":{"$date":"2026-11-22"},"s":"W","c":"NETWORK","msg":"x"}', Level.WARN),
    ('{"PRIORITY":"3","MESSAGE":"x"}', Level.ERROR),
    ('{"version":"1.1","short_message":"x","level":4}', Level.WARN),
    ('{"msg":"no level, but level=error is quoted"}', Level.ERROR),
    ('time="2026-11-22T17:30:00Z" level=error msg="x"', Level.ERROR),
    ("ts=2026-11-22T17:30:00Z caller=main.go:1 level=warn msg=x", Level.WARN),
    ('lvl=dbug msg="FATAL is quoted"', Level.DEBUG),
    ("2026-11-22 17:30:01,123 INFO  [main] c.acme.App - no ERROR here", Level.INFO),
    ("2026-11-22T17:30:01.123Z  WARN 1 --- [nio-8080] c.a.Shop : slow", Level.WARN),
    ("17:30:01.123 [main] DEBUG c.a.Foo - x", Level.DEBUG),
    ("2026-11-22 17:30:01,123 [myid:1] - ERROR [main:Quorum@1] - x", Level.ERROR),
    ("[2026-11-22 17:30:01,123] WARN [Broker 1] x (kafka.server)", Level.WARN),
    ("ERROR:root:message", Level.ERROR),
    ("2026-11-22 17:30:01,123 - shop - CRITICAL - x", Level.FATAL),
    ("[2026-11-22T17:30:00Z ERROR web::db] x", Level.ERROR),
    ("2026-11-22T17:30:00.000001Z  INFO web::db: x", Level.INFO),
    ("2026-11-22T17:30:00.000Z\terror\tapp/main.go:1\tx", Level.ERROR),
    ("1.7322966e+09\tinfo\tsetup\tx", Level.INFO),
    ("2026/11/22 17:30:01 [error] 12#12: *1 open() failed", Level.ERROR),
    ("2026/11/22 17:30:01 [crit] 12#12: *1 x", Level.FATAL),
    ("[2026-11-22 17:30:01.123][1][warning][config] [source/x.cc:1] x", Level.WARN),
    ("17:30:01.123 [info] GET /", Level.INFO),
    ("[ERROR] x", Level.ERROR),
    ("<11>1 2026-11-22T17:30:00Z host app 1 - - x", Level.ERROR),
    ("<165>Nov 22 17:30:00 host app: x", Level.INFO),
    ("2026-11-22 17:30:01.123 UTC [60] ERROR:  duplicate key value", Level.ERROR),
    ("2026-11-22 17:30:01.123 UTC [60] LOG:  checkpoint complete", Level.INFO),
    ("2026-11-22T17:30:01.000000Z 0 [Warning] [MY-010068] [Server] x", Level.WARN),
    ("1:M 22 Nov 2026 17:30:01.123 # WARNING overcommit_memory", Level.WARN),
    ("1:M 22 Nov 2026 17:30:01.123 * Ready to accept connections", Level.INFO),
    ("fail: Microsoft.AspNetCore.Server.Kestrel[13]", Level.ERROR),
    ("E, [2026-11-22T17:30:00.000000 #1] ERROR -- : x", Level.ERROR),
    ("error: cannot open display", Level.ERROR),
    ("Warning: this is old", Level.WARN),
    ("\x1b[31mERROR\x1b[0m it burns", Level.ERROR),
    ("\x1b[2m2026-11-22T17:30:00Z\x1b[0m \x1b[33m WARN\x1b[0m web: x", Level.WARN),
    ("17:30:01.123 WARN  mail.send id=7 took 9 s", Level.WARN),
    ('198.51.100.7 - - [22/Nov/2026:17:30:01 +0000] "GET /x HTTP/1.1" 502 120 "-" "m"', Level.ERROR),
    ('198.51.100.7 - - [22/Nov/2026:17:30:01 +0000] "GET /ERROR HTTP/1.1" 404 120', Level.INFO),
]

SILENT = [
    "",
    "listening on :8080",
    "the previous error was harmless",
    "GET /errors/ERROR.html",
    "{not json at all",
    '{"level":{"of":"detail"}}',
    '{"level":true}',
    "terror in the information desk",
    "x" * 500 + " ERROR",
    "Iceland 1122",
]


@pytest.mark.parametrize(("line", "level"), SAID)
def test_a_line_says_its_level_in_its_own_dress(line: str, level: Level) -> None:
    """An incident is read by level, whatever wrote the line."""
    assert level_of(line) is level


@pytest.mark.parametrize("line", SILENT)
def test_what_says_nothing_of_itself_is_given_no_level(line: str) -> None:
    """A word in a message is no level: a filter by level must not be filled with quotes."""
    assert level_of(line) is Level.UNKNOWN


def test_a_stack_trace_has_the_level_of_the_line_it_belongs_to() -> None:
    """Who filters by error wants the trace, and who filters by error does not want a warning's trace."""
    levels = LevelReader()
    java = (
        "2026-11-22 17:30:01,123 WARN  [main] c.a.App - will retry",
        "java.io.IOException: broken",
        "\tat c.a.App.main(App.java:1)",
        "Caused by: java.net.SocketException: reset",
        "\t... 12 more",
    )
    assert {levels.read(APP, line) for line in java} == {Level.WARN}
    assert levels.read(OTHER, "\tat nothing before it") is Level.UNKNOWN
    assert levels.read(APP, "2026-11-22 17:30:02,123 INFO  [main] c.a.App - done") is Level.INFO
    assert levels.read(APP, "listening") is Level.UNKNOWN


def test_an_exception_by_itself_is_an_error_to_its_last_line() -> None:
    """A program that dies before its logging is set up says no level at all."""
    levels = LevelReader()
    python = (
        "Traceback (most recent call last):",
        '  File "/srv/app/main.py", line 41, in <module>',
        "    app = create_app(load_settings())",
        "KeyError: 'PAYMENTS_DSN'",
    )
    assert [levels.read(APP, line) for line in python] == [Level.ERROR] * 4


def test_a_go_panic_is_fatal_with_all_its_goroutines() -> None:
    """Frames of Go begin in the first column, so that only the panic tells what they are."""
    levels = LevelReader()
    panic = (
        "panic: dial tcp 203.0.113.7:5432: connect: connection refused",
        "",
        "goroutine 1 [running]:",
        "main.mustConnect(...)",
        "\t/src/cmd/worker/main.go:57",
        "main.main()",
        "exit status 2",
    )
    assert [levels.read(APP, line) for line in panic] == [Level.FATAL] * 7
    assert levels.read(APP, "I1122 17:30:01.123456       1 main.go:1] up again") is Level.INFO
    assert levels.read(APP, "listening") is Level.UNKNOWN


def test_a_detail_of_postgres_belongs_to_its_error() -> None:
    """The statement that failed is what one looks for."""
    levels = LevelReader()
    levels.read(APP, "2026-11-22 17:30:01.123 UTC [60] ERROR:  duplicate key value")
    assert levels.read(APP, "2026-11-22 17:30:01.123 UTC [60] STATEMENT:  insert into x") is Level.ERROR


def test_numbers_are_read_by_the_scale_they_are_on() -> None:
    """Pino counts in tens upwards, syslog from seven downwards."""
    assert [level_named(n) for n in (10, 20, 30, 40, 50, 60)] == [Level(n) for n in range(1, 7)]
    assert (level_named(3), level_named("6"), level_named(8), level_named(-1)) == (
        Level.ERROR,
        Level.INFO,
        Level.UNKNOWN,
        Level.UNKNOWN,
    )


@given(st.text())
def test_any_text_has_a_level_or_none(text: str) -> None:
    """A container writes what it likes."""
    assert level_of(text) in Level
    assert LevelReader().read(APP, text) in Level


def test_brackets_without_end_have_the_level_they_show_and_end_nothing() -> None:
    """One container's line must not end the following of all the others."""
    nested = '{"level":"error","a":' + '{"a":' * 5_000 + "1" + "}" * 5_001
    assert level_of(nested) is Level.ERROR
