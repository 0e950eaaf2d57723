"""Values from away: what is wrong with each, said beside it, and no file or place reached by a path."""

from __future__ import annotations

from pathlib import Path

import pytest

from k8sops.core.errors import UsageError
from k8sops.service.catalog import ActionSpec, all_actions, params_of
from k8sops.service.command_line.away import check_possible, command_away, read_away
from k8sops.service.command_line.checking import field_errors, typable
from k8sops.service.command_words import command_line


def test_everything_wrong_is_said_at_once_each_beside_its_field() -> None:
    """A form that tells one mistake at a time is sent five times."""
    assert field_errors("drain", {"nodes": ("node-1",), "grace_period": "soon", "timeout": "never"}) == {
        "grace_period": "Should be a valid integer, unable to parse string as an integer.",
        "timeout": "Should be a duration such as 90s, 5m or 1h30m.",
    }


def test_what_concerns_several_fields_is_under_no_name() -> None:
    """It belongs to none of them."""
    assert field_errors("drain", {}) == {"": "Name nodes, or give --selector, or --pool: one of the three."}


def test_no_sentence_repeats_a_value() -> None:
    """It may be what should not have been typed there."""
    told = field_errors("backup", {"cluster_scoped": "s3cr3t", "ttl": "s3cr3t", "repo": "file:///s3cr3t"})
    assert set(told) == {"cluster_scoped", "ttl", "repo"}
    assert "s3cr3t" not in str(told)


def test_a_file_that_is_named_is_not_even_looked_for(tmp_path: Path) -> None:
    """Whether there is one is no business of a chat's either: both are refused alike."""
    there = str(tmp_path)
    told = [field_errors("restore", {"backup": "latest", "filters": (path,)}) for path in (there, "/no/such")]
    assert told[0] == told[1] == {"filters": "Is read from a file, and there is none here."}


@pytest.mark.parametrize("spec", all_actions(), ids=lambda spec: spec.name)
def test_away_every_action_takes_its_own_options_and_a_few_more(spec: ActionSpec) -> None:
    """What an action's author adds is typed in a chat the same day."""
    names = {str(parameter.name) for parameter in command_away(spec).params}
    assert names >= params_of(spec.name).model_fields.keys() - {"namespace"}
    assert names >= {"_cluster", "namespace", "reason", "plan", "hold"}


def test_only_what_needs_a_file_is_not_possible_from_away() -> None:
    """And says so before anything else is asked."""
    impossible = []
    for spec in all_actions():
        try:
            check_possible(spec.name)
        except UsageError:
            impossible.append(spec.name)
    assert impossible == ["import_backup"]
    assert "hooks" not in typable("backup")


def test_a_command_that_says_nothing_is_not_judged() -> None:
    """It opens a form; `-n shop` alone is no more than where."""
    only_where = read_away("scale", ["-n", "shop"], program="/k8s")
    assert only_where.bare
    assert only_where.params == {"namespace": "shop"}
    assert not read_away("scale", ["deploy/web", "--replicas", "3"], program="/k8s").bare
    assert read_away("restore", [], program="/k8s").bare


@pytest.mark.parametrize("typed", [["-n", "shop", "-n", "legacy"], ["-n", "shop,legacy"]])
def test_several_namespaces_are_all_meant_away_from_a_terminal_too(typed: list[str]) -> None:
    """One that was silently left out would be missed when it is too late to collect its logs."""
    assert read_away("logs", typed, program="/k8s").namespace == "shop,legacy"


@pytest.mark.parametrize(
    ("targets", "line"),
    [
        (("shop/deployment/web", "payments/deployment/api"), "restart shop/deployment/web payments/deployment/api"),
        (("deployment/web",), "restart deployment/web -n legacy"),
        (("deployment/web", "shop/pod/a"), "restart deployment/web shop/pod/a -n legacy"),
    ],
)  # fmt: skip
def test_a_line_names_the_namespace_it_needs_and_is_read_as_what_it_was_made_of(
    targets: tuple[str, ...], line: str
) -> None:
    """Beside objects that all say their own, the namespace it was asked from would look like where it acts."""
    assert command_line("restart", {"targets": targets, "namespace": "legacy"}) == line
    action, *words = line.split()
    assert read_away(action, words, program="k8s").params["targets"] == targets
