"""The configuration: what is refused says which key, and never what stood there."""

from __future__ import annotations

from pathlib import Path

import pytest

from k8sops.core.errors import UsageError
from k8sops.service.config import config_of, load_config


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("colour: hunter2", "colour: there is no such key"),
        ("context: 7", "context: Expected str, got int"),
        ("namespace:", "namespace: Expected str, got null"),
        ("read_only: hunter2", "read_only: Expected bool, got str"),
        ("kubeconfig: [7]", "kubeconfig.0: is no path"),
        ("kubeconfig: hunter2", "kubeconfig: Expected array, got str"),
        ("impersonate_user: hunter2", "impersonate_user: there is no such key"),
        ("clusters: [{name: hunter2}]", "clusters.0.uid: is missing"),
        ("clusters: [{uid: u, name: n, environment: hunter2}]", "clusters.0.environment: is none of"),
        ("repositories: [{name: main, url: x, hunter: 2}]", "repositories.0.hunter: there is no such key"),
        ("keys: {browse.describe: 7}", "keys"),
        ("slack: {command: hunter2}", "slack.command: is no slash command"),
        ("redaction: {email: true}", "redaction.email: there is no such key"),
        ("redaction: {rules: [{name: order}]}", "redaction.rules.0.pattern: is missing"),
        ("redaction: {allow: hunter2}", "redaction.allow: Expected array, got str"),
        ("7: hunter2", "Expected str"),
        ("repositories: [{name: a, url: x}, {name: a, url: hunter2}]", "repositories: the name 'a' is given"),
        ("repositories: [{name: a, url: x, copy_of: b}]", "repositories: a is a copy of 'b', which is no"),
    ],
)
def test_what_is_not_understood_is_refused_by_its_key(text: str, told: str, tmp_path: Path) -> None:
    """A setting that is silently ignored is worse than none; a secret in the wrong place must not be printed."""
    file = tmp_path / "config.yaml"
    file.write_text(text)
    with pytest.raises(UsageError) as raised:
        load_config({}, {"K8SOPS_CONFIG": str(file)})
    assert raised.value.message.startswith(f"{file}: ")
    assert told in raised.value.message
    assert "hunter2" not in raised.value.message


@pytest.mark.parametrize(
    ("word", "meant"), [("1", True), ("true", True), ("YES", True), ("on", True), ("0", False), ("no", False)]
)
def test_the_environment_says_yes_in_words(word: str, meant: bool, tmp_path: Path) -> None:
    """Variables have no truth values; a read-only screen must not come from the spelling of one."""
    environ = {"XDG_CONFIG_HOME": str(tmp_path), "K8SOPS_READ_ONLY": word}
    assert load_config({}, environ).read_only is meant


def test_a_word_that_is_neither_yes_nor_no_is_refused() -> None:
    """Who meant read-only must not get the opposite."""
    with pytest.raises(UsageError, match="read_only"):
        load_config({}, {"K8SOPS_READ_ONLY": "perhaps"})


def test_whom_to_impersonate_is_named_as_kubectl_s_flags_name_it() -> None:
    """`as` is no name that Python allows; the file and the flags have it all the same."""
    found = config_of({"as": "eve", "as-group": ["ops"], "kubeconfig": ["/etc/one"]})
    assert (found.impersonate_user, found.impersonate_groups) == ("eve", ("ops",))
    assert found.kubeconfig == (Path("/etc/one"),)
