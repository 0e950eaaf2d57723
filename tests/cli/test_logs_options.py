"""What `k8sops logs …` asks for, as stern's and kubectl's users type it; and what is refused before it connects."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import click
import pytest

from k8sops.cli.logs import FOLLOW, logs_group
from k8sops.cli.logs_options import check_selection, selection_of, span_of, style_of
from k8sops.core.errors import UsageError
from k8sops.core.log_selection import LogSelection, LogSpan
from k8sops.core.logs import SECOND_NS
from tests.support.command import Command

NOW = datetime(2026, 11, 22, 18, 0, tzinfo=UTC)


def asked(*arguments: str) -> dict[str, Any]:
    """The options as the command has them."""
    values = dict(FOLLOW.make_context("logs", list(arguments)).params)
    values["namespaces"] = values.pop("namespace")
    return values


def selected(*arguments: str) -> LogSelection:
    """Whose logs."""
    values = asked(*arguments)
    check_selection(values)
    return selection_of(values, "shop")


def span(*arguments: str) -> LogSpan:
    """Which part."""
    return span_of(asked(*arguments), NOW)


def test_a_query_is_a_pattern_of_pods_in_the_context_s_namespace() -> None:
    """As with stern."""
    assert selected("web") == LogSelection(namespaces=("shop",), pods="web")
    assert selected("web", "^db-").pods == "(?:web)|(?:^db-)"


def test_a_query_with_a_slash_names_a_workload() -> None:
    """Of any kind that has pods; a pod by its own name, too."""
    assert selected("deployment/web", "cronjob/nightly", "pod/collect").workloads == (
        "deployment/web",
        "cronjob/nightly",
        "pod/collect",
    )


def test_all_that_narrows_can_be_given_at_once() -> None:
    """Repeated, or with commas."""
    found = selected(
        *(
            "web",
            "-n",
            "shop,payments",
            "-n",
            "data",
            "-l",
            "app=web",
            "--field-selector",
            "status.phase=Running",
        ),
        *("--node", "node-1,node-2", "--exclude-pod", "old", "-c", "app", "-E", "istio", "-E", "linkerd"),
        *("--container-state", "running,waiting", "--no-init-containers", "--ephemeral-containers=false"),
    )
    assert found == LogSelection(
        namespaces=("shop", "payments", "data"),
        pods="web",
        exclude_pods=("old",),
        labels="app=web",
        fields="status.phase=Running",
        nodes=("node-1", "node-2"),
        containers="app",
        exclude_containers=("istio", "linkerd"),
        init=False,
        ephemeral=False,
        phases=("running", "waiting"),
    )
    assert selected(".", "-A").namespaces == ()
    assert selected(".", "--container-state", "all").phases == ()


@pytest.mark.parametrize(
    ("arguments", "why"),
    [
        ((), "nobody's logs"),
        (("web", "deployment/web"), "cannot be given together"),
        (("(",), "QUERY"),
        (("web", "-c", "["), "--container"),
        (("web", "-E", "a(?!b)"), "--exclude-container"),
        (("web", "--exclude-pod", "*"), "--exclude-pod"),
        (("web", "--container-state", "paused"), "none of running"),
    ],
)
def test_what_cannot_be_meant_is_refused_by_its_name(arguments: tuple[str, ...], why: str) -> None:
    """Before anything is connected."""
    with pytest.raises(UsageError, match=why):
        selected(*arguments)


def test_following_begins_a_hundred_lines_back() -> None:
    """Never two days of history that nobody asked for."""
    assert span("web") == LogSpan(tail=100, follow=True)
    assert span("web", "-f", "--tail", "5").tail == 5
    assert span("web", "--tail=-1").tail is None


def test_whoever_says_since_or_wants_no_following_gets_all_of_it() -> None:
    """A number of lines that was not asked for would be a loss nobody notices."""
    assert span("web", "--since", "15m") == LogSpan(tail=None, since_s=900)
    assert span("web", "--since", "2026-11-22T17:00:00+01:00").since_ns == SECOND_NS * 1_795_363_200
    assert span("web", "--no-follow") == LogSpan(tail=None, follow=False)
    assert span("web", "-p") == LogSpan(tail=None, previous=True, follow=False)


@pytest.mark.parametrize("since", ["soon", "0.5", "2030-01-01"])
def test_a_time_that_is_none_or_yet_to_come_is_refused(since: str) -> None:
    """With an example."""
    with pytest.raises(UsageError, match="--since"):
        span("web", "--since", since)


def test_timestamps_take_a_form_or_none_and_never_the_query() -> None:
    """`-t web` means the pods of web, with times."""
    for arguments in (("-t", "web"), ("--timestamps", "web"), ("web", "-t")):
        assert asked(*arguments)["query"] == ("web",)
        assert asked(*arguments)["timestamps"] == "default"
    assert asked("-t=short", "web")["timestamps"] == "short"
    assert asked("--timestamps=short", "web")["timestamps"] == "short"
    assert asked("--", "-t")["query"] == ("-t",)


def test_json_is_laid_out_at_a_terminal_and_left_alone_in_a_pipe() -> None:
    """Either can be asked for."""

    def readable(*arguments: str, at_terminal: bool) -> bool:
        return style_of(asked("web", *arguments), colour=False, at_terminal=at_terminal).readable

    assert readable(at_terminal=True)
    assert not readable("--no-json", at_terminal=True)
    assert not readable(at_terminal=False)
    assert readable("--json", at_terminal=False)


def test_raw_lines_are_made_safe_for_a_terminal_unless_it_is_asked_for() -> None:
    """A container must not be able to type for whoever reads it."""
    assert not style_of(asked("web", "-o", "raw"), colour=False, at_terminal=True).escapes
    assert style_of(asked("web", "-o", "raw", "--allow-escapes"), colour=False, at_terminal=True).escapes
    assert style_of(asked("web", "-o", "raw"), colour=False, at_terminal=False).escapes


def test_namespaces_are_shown_where_there_may_be_several() -> None:
    """Two pods may have one name."""
    for arguments, several in ((("-A",), True), (("-n", "a,b"), True), (("-n", "a"), False), ((), False)):
        assert style_of(asked("web", *arguments), colour=False, at_terminal=True).namespaces is several


def test_a_template_may_come_from_a_file(tmp_path: Path) -> None:
    """One, from one place."""
    path = tmp_path / "lines.j2"
    path.write_text("{{ message }}", encoding="utf-8")
    style = style_of(asked("web", "-T", str(path)), colour=False, at_terminal=False)
    assert (style.output, style.template) == ("template", "{{ message }}")
    with pytest.raises(UsageError, match="both"):
        style_of(asked("web", "-T", str(path), "--template", "x"), colour=False, at_terminal=False)
    with pytest.raises(UsageError, match="cannot be read"):
        style_of(asked("web", "-T", str(tmp_path / "none")), colour=False, at_terminal=False)


def test_folding_is_refused_where_every_line_counts() -> None:
    """A program that reads lines wants all of them."""
    with pytest.raises(UsageError, match="--fold"):
        style_of(asked("web", "--fold", "-o", "json"), colour=False, at_terminal=False)


@pytest.mark.parametrize(
    ("arguments", "why"),
    [
        (("web", "-i", "("), "--include '(' is not used"),
        (("web", "-H", "("), "--highlight '(' is not used"),
        (("web", "--template", "{{ mesage }}"), "it names mesage"),
        (("web", "--timezone", "Mars"), "no time zone 'Mars'"),
        (("web", "--level", "loud"), "'loud' is not one of"),
    ],
)
def test_a_mistake_is_one_sentence_and_exit_2(command: Command, arguments: tuple[str, ...], why: str) -> None:
    """With no cluster in reach: nothing was connected."""
    told = command("logs", *arguments, "--kubeconfig", "/nonexistent")
    assert told.code == 2
    assert why in told.err
    assert told.out == ""


def test_a_mistake_names_the_command_that_helps(command: Command) -> None:
    """`k8sops logs --help`, whatever parses it inside."""
    told = command("logs", "--nosuch")
    assert told.code == 2
    assert "`k8sops logs --help`" in told.err


def test_help_teaches_by_examples_and_headings(command: Command) -> None:
    """Thirty options in one list teach nobody."""
    told = command("logs", "--help")
    assert told.code == 0
    for heading in ("Examples:", "Whose logs:", "Which part:", "Which lines:", "Which cluster:"):
        assert heading in told.out
    listed = [option for option in FOLLOW.params if isinstance(option, click.Option)]
    assert all(option.opts[-1] in told.out for option in listed)


def test_an_action_behind_logs_is_chosen_by_its_name_alone() -> None:
    """`logs collect` is the action, `logs pod/collect` a pod."""
    context = click.Context(logs_group)
    for name in logs_group.list_commands(context):
        found = logs_group.make_context("logs", [name, "--help"], resilient_parsing=True)
        assert found.command is logs_group
    assert logs_group.make_context("logs", ["pod/collect"]).command is FOLLOW
