"""The app's manifest: the least it may, everything it must hear, in the form Slack takes."""

from __future__ import annotations

import json
from pathlib import Path
from urllib.parse import parse_qs, urlsplit

import pytest

from k8sops.cli.main import main
from k8sops.core.errors import UsageError
from k8sops_slack.manifest import SCOPES, manifest, manifest_link, manifest_text


def test_the_keys_are_those_slack_knows() -> None:
    """Slack refuses a manifest with any other."""
    found = manifest()
    assert set(found) == {"display_information", "features", "oauth_config", "settings"}
    assert set(found["features"]) == {"app_home", "bot_user", "shortcuts", "slash_commands"}
    assert set(found["settings"]) == {
        "event_subscriptions",
        "interactivity",
        "org_deploy_enabled",
        "socket_mode_enabled",
        "token_rotation_enabled",
    }
    assert set(found["features"]["slash_commands"][0]) == {
        "command",
        "description",
        "usage_hint",
        "should_escape",
    }
    assert all(
        set(one) == {"name", "type", "callback_id", "description"} for one in found["features"]["shortcuts"]
    )
    assert {one["type"] for one in found["features"]["shortcuts"]} == {"message", "global"}
    assert all(len(one["name"]) <= 24 for one in found["features"]["shortcuts"])


def test_it_reads_no_channel() -> None:
    """What is said in channels is none of the bot's business; mentions and direct messages reach it all the same."""
    assert not {"channels:history", "groups:history", "chat:write.public", "admin"} & {*SCOPES}
    assert manifest()["oauth_config"]["scopes"]["bot"] == sorted(SCOPES)
    assert manifest()["settings"]["event_subscriptions"]["bot_events"] == [
        "app_home_opened",
        "app_mention",
        "message.im",
    ]


def test_socket_mode_needs_no_address() -> None:
    """It is what most begin with: nothing has to be reached from outside."""
    found = manifest()
    assert found["settings"]["socket_mode_enabled"] is True
    assert "url" not in manifest_text()


def test_over_http_every_way_in_has_its_address() -> None:
    """One that is missing is noticed weeks later, when somebody opens a select."""
    found = manifest(url="https://ops.example.com/")
    address = "https://ops.example.com/slack/events"
    assert found["settings"]["socket_mode_enabled"] is False
    assert found["settings"]["event_subscriptions"]["request_url"] == address
    assert found["settings"]["interactivity"] == {
        "is_enabled": True,
        "request_url": address,
        "message_menu_options_url": address,
    }
    assert found["features"]["slash_commands"][0]["url"] == address


def test_the_command_can_be_another() -> None:
    """Two installations at one Slack must not both be /k8s."""
    assert manifest(command="/ops-eu")["features"]["slash_commands"][0]["command"] == "/ops-eu"
    for wrong in ("k8s", "/K8S", "/", "/k 8s", f"/{'x' * 32}"):
        with pytest.raises(UsageError, match="no slash command"):
            manifest(command=wrong)


def test_the_command_is_the_configuration_s(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """The bot waits for that one; an app that sends another is heard by nobody."""
    config = tmp_path / "config.yaml"
    config.write_text("slack: {command: /ops}\n")
    monkeypatch.setenv("K8SOPS_CONFIG", str(config))
    assert main(["slack", "manifest"]) == 0
    assert json.loads(capsys.readouterr().out) == manifest(command="/ops")


def test_the_link_carries_the_whole_manifest() -> None:
    """Slack makes the app of what stands in the address; a sign that ends it early makes another app."""
    link = urlsplit(manifest_link(name="ops & co #1", command="/ops"))
    assert (link.netloc, link.path, link.fragment) == ("api.slack.com", "/apps", "")
    (given,) = parse_qs(link.query)["manifest_json"]
    assert json.loads(given) == manifest(name="ops & co #1", command="/ops")


def test_an_address_that_is_not_encrypted_is_refused() -> None:
    """Slack would not call it, and what it sends would be read on the way."""
    with pytest.raises(UsageError, match="no address Slack would call"):
        manifest(url="http://ops.example.com")


def test_the_text_is_the_manifest() -> None:
    """It is pasted into Slack as it is."""
    assert json.loads(manifest_text(name="desk")) == manifest(name="desk")
