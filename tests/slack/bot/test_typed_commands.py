"""What a line means: the chat's own words and every action, read as the command line reads them."""

from __future__ import annotations

import pytest

from k8sops.core.errors import UsageError
from k8sops.service.catalog import ActionSpec, all_actions
from k8sops.service.command_line.away import AwayCommand
from k8sops_slack.typed.commands import OWN, Asked, Command, read_line
from k8sops_slack.typed.hints import as_typed_here


def read(text: str) -> Command:
    return read_line(text, program="/k8s")


def refused(text: str) -> str:
    with pytest.raises(UsageError) as error:
        read(text)
    return f"{error.value.message} ({error.value.hint})"


def test_a_drain_is_read_as_at_the_command_line() -> None:
    """The same words mean the same Params at every door."""
    assert read('drain node-3 --grace-period 30 --cluster prod-eu --reason "kernel update"') == AwayCommand(
        action="drain",
        params={"nodes": ("node-3",), "grace_period": "30"},
        cluster="prod-eu",
        reason="kernel update",
    )


def test_a_command_on_objects_takes_its_namespace() -> None:
    """As `-n` at the command line; else the cluster's default is used."""
    found = read("Scale deploy/web —replicas +2 –n shop --plan")
    assert found == AwayCommand(
        action="scale",
        params={"targets": ("deploy/web",), "replicas": "+2", "namespace": "shop"},
        namespace="shop",
        only_plan=True,
    )


@pytest.mark.parametrize(
    "spec", [spec for spec in all_actions() if spec.name != "import_backup"], ids=lambda spec: spec.name
)
def test_every_action_can_be_typed_as_it_is_called(spec: ActionSpec) -> None:
    """An action that is registered works here without a change here."""
    found = read(spec.typed if spec.name in NAMED_CLUSTER else f"{spec.typed} --cluster x")
    assert isinstance(found, AwayCommand)
    assert found.bare
    assert found.action == spec.name


NAMED_CLUSTER = {"prune_backups"}
"""Its own --cluster says whose backups: where to act is said with --on."""


def test_an_action_that_cannot_do_without_a_file_is_the_command_lines() -> None:
    """No form could ask for it either."""
    assert refused("backups import") == (
        "backups import reads a file, and there is none here (use the command line: `k8sops backups import`)"
    )


def test_where_an_action_has_its_own_cluster_the_one_to_act_on_is_named_apart() -> None:
    """Else `--cluster` would say two things at once."""
    found = read("backups prune --keep-last 3 --on prod-eu")
    assert found == AwayCommand(action="prune_backups", params={"keep_last": "3"}, cluster="prod-eu")


@pytest.mark.parametrize(
    ("typed", "meant"),
    [
        ("", Asked(word="help")),
        ("/k8s", Asked(word="help")),
        ("help drain", Asked(word="help", about="drain")),
        ("drain --help", Asked(word="help", about="drain")),
        ("help rollout status", Asked(word="help", about="rollout status")),
        ("Status", Asked(word="status")),
        ("kubectl get pods web-0 -n shop", Asked(word="get", about="pods", name="web-0", namespace="shop")),
        ("get po -A -l app=web", Asked(word="get", about="po", every_namespace=True, selector="app=web")),
        ("runs --mine --state running", Asked(word="runs", mine=True, state="running")),
        ("runs show 01KAJ4", Asked(word="run", about="01KAJ4")),
        ("run 01KAJ4", Asked(word="run", about="01KAJ4")),
        ("<@UBOT> approve 01KAJ4", Asked(word="approve", about="01KAJ4")),
        ("deny 01KAJ4 --reason no", Asked(word="deny", about="01KAJ4", reason="no")),
        ("Deny 01KAJ4 it’s peak hour", Asked(word="deny", about="01KAJ4", reason="it's peak hour")),
        ("schedules --cluster prod", Asked(word="schedules", cluster="prod")),
        (
            "timeline deployment/web -n shop --since 2h",
            Asked(word="timeline", about="deployment/web", namespace="shop", since="2h"),
        ),
        ("backups", Asked(word="backups")),
        ("audit", Asked(word="audit")),
        ("whoami", Asked(word="whoami")),
    ],
)
def test_the_chats_own_words(typed: str, meant: Asked) -> None:
    """What can be asked for besides actions."""
    assert read(typed) == meant


@pytest.mark.parametrize(
    ("typed", "sentence"),
    [
        ("drian node-3", "there is no command 'drian'; did you mean drain? (`/k8s help` lists them)"),
        ("xyzzy", "there is no command 'xyzzy' (`/k8s help` lists them)"),
        ("drain n --forse", "drain has no option --forse; did you mean --force? (`/k8s help drain` shows how)"),
        ("drain n --grac 3", "drain has no option --grac; did you mean --grace-period? (`/k8s help drain` shows how)"),
        ("drain n --grace-period", "drain: option '--grace-period' requires an argument (`/k8s help drain` shows how)"),
        ("edit deployment/web", "edit needs --patch (`/k8s help edit` shows how)"),
        ("restore --repo main", "restore needs BACKUP (`/k8s help restore` shows how)"),
        ("approve", "approve needs RUN (type `/k8s approve RUN`)"),
        (
            "delete pod/x --cascade all",
            "delete: invalid value for '--cascade': 'all' is not one of 'background', 'foreground', 'orphan' "
            "(`/k8s help delete` shows how)",
        ),
        (
            "drain node-3 --pool a",
            "drain: name nodes, or give --selector, or --pool: one of the three (`/k8s help drain` shows how)",
        ),
    ],
)  # fmt: skip
def test_what_cannot_be_read_is_said_in_one_sentence(typed: str, sentence: str) -> None:
    """Somebody on a phone gets one line and the way on, not a page of usage."""
    assert refused(typed) == sentence


@pytest.mark.parametrize(
    "option", ["--yes", "-y", "--break-glass", "--as=admin", "--kubeconfig", "-o", "--context"]
)
def test_what_only_a_terminal_can_mean_is_refused_by_name(option: str) -> None:
    """Above all: nobody goes round approvals from a chat, and nobody acts as somebody else."""
    assert refused(f"drain node-3 {option} x").startswith(f"{option.partition('=')[0]} is not for here: ")


@pytest.mark.parametrize(
    "typed",
    [
        "restore latest --filters /etc/passwd",
        "backups import /etc/shadow",
        "backup --hooks /root/hooks.yaml",
        "backups copy file:///srv/elsewhere",
        "backup --repo s3://somewhere/else",
    ],
)
def test_no_file_and_no_place_is_reached_by_a_path(typed: str) -> None:
    """It would be read or written where the bot runs, by whoever may type in a channel."""
    assert "here" in refused(typed)
    assert "/etc" not in refused(typed)


def test_nothing_is_printed_and_nothing_ends_the_process(capsys: pytest.CaptureFixture[str]) -> None:
    """Click would print its help and exit; the bot serves many at once."""
    for typed in ("drain --help", "drain -h", "help", "--help", "get --help"):
        try:
            read(typed)
        except UsageError:
            continue
    assert capsys.readouterr() == ("", "")


def test_every_own_word_says_how_it_is_typed() -> None:
    """Help lists them from here."""
    assert all(usage.split()[0] == word and told.endswith(".") for word, (usage, told, _) in OWN.items())


@pytest.mark.parametrize(
    ("hint", "here"),
    [
        ("`k8sops runs list` shows them", "`/ops runs list` shows them"),
        ("`k8sops get nodes` lists them", "`/ops get nodes` lists them"),
        ("see `k8sops runs show ID`, then `k8sops worker`", "see `/ops runs show ID`, then `k8sops worker`"),
        ("name one with --repo", "name one with --repo"),
    ],
)
def test_hints_name_what_can_be_typed_here(hint: str, here: str) -> None:
    """Who copies a hint from a chat on a phone has no terminal to paste it into."""
    assert as_typed_here(hint, "/ops") == here
