"""`k8sops backups` on a repository in a folder, as a person uses it after the cluster is gone."""

from __future__ import annotations

import base64
import shutil
import stat
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
import yaml

from k8sops.backup.bodies import Gap
from tests.support.backups_made import (
    DEPOT,
    SHOP,
    an_object,
    begin_next_epoch,
    make_backup,
    usual_objects,
)
from tests.support.command import Command

PASSWORD = base64.b64encode(b"opensesame").decode()
OTHER_PASSWORD = base64.b64encode(b"shut again").decode()
NOW = datetime.now(UTC)
YESTERDAY = NOW - timedelta(days=1)
HOUR = timedelta(hours=1)


@pytest.fixture
def repository(own_store: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, command: Command) -> Path:
    """An empty place, and a key to open what will be there."""
    folder = tmp_path / "repository"
    monkeypatch.setenv("K8SOPS_REPOSITORY", folder.as_uri())
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path / "config"))
    monkeypatch.delenv("KUBECONFIG", raising=False)
    command.done("backups", "key")
    return folder


@pytest.fixture
def two(repository: Path) -> Path:
    """Yesterday's backup, and one of an hour ago in which the image, the Secret and a claim are others."""
    make_backup(usual_objects("web:1", PASSWORD), at=YESTERDAY)
    later = [*usual_objects("web:2", OTHER_PASSWORD), an_object("persistentvolumeclaims", "data")]
    make_backup(later, at=NOW - HOUR, volumes=(("shop", "data"),))
    return repository


def test_backups_are_listed_newest_first(two: Path, command: Command) -> None:
    """What a person reads first after a disaster, without any cluster."""
    found = command.done("backups", "list", "-o", "json").document
    assert [one["seq"] for one in found["backups"]] == [2, 1]
    assert [one["complete"] for one in found["backups"]] == [True, True]
    lines = command.done("backups", "list").out.splitlines()
    assert [line.split()[0] for line in lines] == ["NO", "2", "1"]


def test_an_incomplete_backup_and_volumes_that_are_not_in_it_cannot_be_overlooked(
    repository: Path, command: Command
) -> None:
    """Velero calls one that lacks an API group Completed."""
    gap = Gap(group="metrics.example", resource="", namespace="", why="the service is away")
    make_backup(gaps=(gap,), volumes=(("shop", "data-0"),))
    assert "INCOMPLETE (1 gap)" in command.done("backups", "list").out
    shown = command.done("backups", "show").out
    assert "all of metrics.example: the service is away" in shown
    assert "NOT in this backup" in shown
    assert "shop/data-0" in shown


def test_a_backup_is_meant_by_name_and_time(two: Path, command: Command) -> None:
    """`Restore the namespace as it was at …` begins with finding the right backup."""
    for text, seq in (
        ("latest", 2),
        ("1", 1),
        ("nightly", 2),
        (f"nightly@{YESTERDAY:%Y-%m-%dT%H:%M:%S}.999Z", 1),
        ("@2h", 1),
        (f"@{NOW:%Y-%m-%dT%H:%M:%S}Z", 2),
    ):
        assert command.done("backups", "show", text, "-o", "json").document["seq"] == seq, text
    told = command("backups", "show", "weekly")
    assert told.code == 2
    assert "no backup of cluster" in told.err


def test_an_object_is_printed_as_it_was(two: Path, command: Command) -> None:
    """As YAML that can be applied, from the backup that is named behind the @."""
    old = yaml.safe_load(command.done("backups", "cat", "deploy/web@1", "-n", "shop").out)
    new = command.done("backups", "cat", "deployments.apps/web", "-o", "json").document
    assert (old["spec"]["template"]["image"], new["spec"]["template"]["image"]) == ("web:1", "web:2")
    assert command.done("backups", "cat", "ns/shop@1", "-n", "elsewhere").out.startswith("apiVersion: v1")
    for wrong in ("deploy/cart", "gizmo/web", "web"):
        assert command("backups", "cat", wrong).code == 2


def test_what_the_other_backup_does_not_select_is_not_called_removed(
    repository: Path, command: Command
) -> None:
    """A backup of one namespace beside that of everything: five hundred objects would seem to be gone."""
    elsewhere = an_object("configmaps", "rates", "payments", data={"eur": "1"})
    make_backup([*usual_objects("web:1"), elsewhere], at=YESTERDAY)
    make_backup(usual_objects("web:2")[:-1], selection={"include_namespaces": ["shop"]})
    told = command("backups", "diff", "1", "2")
    assert told.code == 8
    assert "- shop/deployments.apps/web: removed" in told.out
    assert "rates" not in told.out
    assert "1 object is in one of them that the other does not select" in told.err
    found = command("backups", "diff", "1", "2", "-o", "json").document["objects"]
    assert {one["name"]: one["change"] for one in found} == {"rates": "not_selected", "web": "removed"}
    assert command("backups", "diff", "1", "2", "--name", "rates").code == 0


def test_a_secret_shows_its_values_only_where_that_is_asked_for_and_recorded(
    two: Path, command: Command
) -> None:
    """Whoever looks at a password leaves their name."""
    hidden = command.done("backups", "cat", "secret/db")
    assert OTHER_PASSWORD not in hidden.out + hidden.err
    assert "password: (hidden" in hidden.out.replace("'", "")
    assert not command.done("audit", "list", "--code", "session.secret_view", "-o", "json").document
    assert OTHER_PASSWORD in command.done("backups", "cat", "secret/db", "--reveal").out
    (record,) = command.done("audit", "list", "--code", "session.secret_view", "-o", "json").document
    assert record["objects"][0]["name"] == "db"
    assert OTHER_PASSWORD not in str(command.done("audit", "list", "-o", "json").document)


def test_what_differs_is_told_field_by_field_and_by_the_exit_code(two: Path, command: Command) -> None:
    """Of the Secret only which key."""
    told = command("backups", "diff", "1", "2")
    assert told.code == 8
    assert 'spec.template.image: "web:1" → "web:2"' in told.out
    assert "data.password" in told.out
    assert PASSWORD not in told.out
    assert OTHER_PASSWORD not in told.out
    assert "+ shop/persistentvolumeclaims/data: added" in told.out
    only = command("backups", "diff", "1", "2", "--kind", "deploy", "-o", "json")
    assert [one["name"] for one in only.document["objects"]] == ["web"]
    assert command("backups", "diff", "1", "1").code == 0
    assert command("backups", "diff", "1").code == 2


def test_an_object_is_found_with_its_history(two: Path, command: Command) -> None:
    """When a setting changed is what people ask first."""
    found = command.done("backups", "find", "deploy/web", "-o", "json").document
    (history,) = [one["history"] for one in found["objects"]]
    assert [part["what"] for part in history] == ["first seen", "changed"]
    assert command("backups", "find", "nobody").code == 1
    assert "in 1-2" in command.done("backups", "find", "settings").out


def test_a_backup_leaves_as_yaml_for_its_owner_only_and_on_record(
    two: Path, tmp_path: Path, command: Command
) -> None:
    """Secrets stay behind unless they are asked for."""
    folder = tmp_path / "out"
    told = command.done("backups", "export", "1", "--to", str(folder), "-n", "shop")
    files = {str(path.relative_to(folder)): path for path in folder.rglob("*.yaml")}
    assert sorted(files) == [
        "namespaces/shop/configmaps/settings.yaml",
        "namespaces/shop/deployments.apps/web.yaml",
    ]
    assert {stat.S_IMODE(path.stat().st_mode) for path in files.values()} == {0o600}
    assert "1 Secret left out" in told.err
    assert command("backups", "export", "1", "--to", str(folder)).code == 2
    command.done("backups", "export", "1", "--to", str(tmp_path / "all"), "--include-secrets")
    assert PASSWORD in (tmp_path / "all/namespaces/shop/secrets/db.yaml").read_text()
    records = command.done("audit", "list", "--code", "backup.exported", "-o", "json").document
    assert [record["data"]["secrets"] for record in records] == [False, False, True]


def test_verify_names_what_is_wrong_and_exits_8(two: Path, command: Command) -> None:
    """As `audit verify` does."""
    good = command.done("backups", "verify", "--read-data", "100%", "-o", "json").document
    assert (good["good"], good["backups"], good["packs_read"]) == (True, 2, good["packs"])
    pack = next(path for path in (two / "packs").rglob("*") if path.is_file())
    pack.chmod(0o600)
    pack.write_bytes(pack.read_bytes()[:-1] + b"\0")
    told = command("backups", "verify", "--read-data", "100%")
    assert told.code == 8
    assert f"packs/{pack.parent.name}/{pack.name}" in told.err
    assert command("backups", "verify", "--read-data", "lots").code == 2


def test_verify_does_not_call_well_what_it_did_not_read(two: Path, command: Command) -> None:
    """An altered pack is found by reading it, and whoever did not ask for that must not believe it was done."""
    told = command.done("backups", "verify").out
    assert told.startswith("nothing is wrong in what was read: 2 backups")
    assert "were not: --read-data 100% reads them" in told
    assert "were not" not in command.done("backups", "verify", "--read-data", "100%").out


def test_a_damaged_repository_file_is_what_verify_finds(two: Path, command: Command) -> None:
    """It is an answer as any other; to be told to run `backups verify` by `backups verify` helps nobody."""
    head = two / "repository.json"
    head.chmod(0o600)
    head.write_bytes(head.read_bytes().replace(b'"format"', b'"fermat"'))
    told = command("backups", "verify")
    assert told.code == 8
    assert "repository.json" in told.err
    assert "backups verify" not in told.err


def test_every_gap_and_every_volume_is_named(repository: Path, command: Command) -> None:
    """The failed run says that `backups show` names all; the one that matters may be the last."""
    gaps = tuple(Gap(group=f"g{n}.example", resource="", namespace="", why="away") for n in range(41))
    make_backup(gaps=gaps, volumes=tuple(("shop", f"data-{n}") for n in range(30)))
    shown = command.done("backups", "show").out
    assert all(f"all of g{n}.example: away" in shown for n in range(41))
    assert all(f"shop/data-{n}" in shown for n in range(30))


def test_a_repository_that_was_rolled_back_is_refused_until_a_person_accepts_it(
    two: Path, command: Command
) -> None:
    """The store knows what was there, whatever the bucket shows now."""
    command.done("backups", "list")
    newest = two / "backups" / SHOP / "000000000002"
    newest.unlink()
    told = command("backups", "list")
    assert told.code == 1
    assert "was rolled back" in told.err
    assert command("backups", "cat", "deploy/web").code == 1
    assert command("backups", "verify").code == 8
    assert command("backups", "verify", "--accept-rollback").code == 2
    command.done("backups", "verify", "--accept-rollback", "--reason", "put back from tape")
    assert [one["seq"] for one in command.done("backups", "list", "-o", "json").document["backups"]] == [1]
    (record,) = command.done("audit", "list", "--code", "backup.rollback_accepted", "-o", "json").document
    assert (record["reason"], record["data"]["was"]["seq"]) == ("put back from tape", 2)


@pytest.mark.parametrize("harm", ["altered", "removed"])
def test_one_backup_that_is_lost_takes_no_other_with_it(two: Path, command: Command, harm: str) -> None:
    """One rotten bit in an old manifest must not stand between a cluster and last night's backup."""
    command.done("backups", "list")
    old = two / "backups" / SHOP / "000000000001"
    old.chmod(0o600)
    if harm == "removed":
        old.unlink()
    else:
        data = bytearray(old.read_bytes())
        data[len(data) // 2] ^= 1
        old.write_bytes(data)
    listed = command("backups", "list", "-o", "json")
    assert listed.code == 1
    assert [one["seq"] for one in listed.document["backups"]] == [2]
    assert [one["seq"] for one in listed.document["unreadable"]] == [1]
    told = command("backups", "cat", "deployments.apps/web@2")
    assert told.code == 0
    assert "warning: backups/" in told.err
    assert "000000000001" in told.err
    assert command("backups", "cat", "deployments.apps/web@1").code != 0
    assert command("backups", "verify").code == 8


def test_where_the_newest_is_lost_the_one_before_it_is_read_once_a_person_accepts_that(
    two: Path, command: Command
) -> None:
    """It may be an attack, which is why nobody is given yesterday's for today's without a word on record."""
    command.done("backups", "list")
    newest = two / "backups" / SHOP / "000000000002"
    newest.chmod(0o600)
    newest.write_bytes(newest.read_bytes()[:-1] + b"!")
    assert command("backups", "cat", "deployments.apps/web").code == 1
    command.done("backups", "verify", "--accept-rollback", "--reason", "the disk was failing")
    assert "web:1" in command.done("backups", "cat", "deployments.apps/web").out


def test_backups_of_which_nothing_is_left_are_missed(two: Path, command: Command) -> None:
    """An attacker who removes a cluster's whole folder, or the repository, has not made all well."""
    command.done("backups", "list")
    shutil.rmtree(two / "backups")
    assert command("backups", "list").code == 1
    assert command("backups", "verify").code == 8
    shutil.rmtree(two)
    told = command("backups", "list")
    assert told.code == 1
    assert "any more" in told.err
    command.done("backups", "verify", "--accept-rollback", "--reason", "begun anew")
    assert "there is no backup repository" in command("backups", "list").err


def test_a_cluster_whose_backups_are_lost_is_begun_anew_when_a_person_accepts_it(
    two: Path, command: Command
) -> None:
    """Its name went with them, so its uid is said; the other cluster's backups are as they were."""
    make_backup(cluster=DEPOT)
    command.done("backups", "list")
    shutil.rmtree(two / "backups" / SHOP)
    assert command("backups", "show", "--cluster", SHOP[:6]).code == 1
    flags = ("--accept-rollback", "--reason", "lost")
    assert command("backups", "verify", *flags, "--cluster", "depot").code == 2
    told = command.done("backups", "verify", *flags, "--cluster", SHOP[:6]).out
    assert "now counts as one without backups here; number 2 had been seen" in told
    assert [one["cluster"] for one in command.done("backups", "list", "-o", "json").document["backups"]] == [
        DEPOT
    ]
    make_backup(usual_objects("web:3", PASSWORD))
    assert command.done("backups", "show", "--cluster", SHOP[:6], "-o", "json").document["seq"] == 1
    assert command("backups", "verify").code == 0


def test_keys_that_were_lost_are_given_up_by_a_person_alone(two: Path, command: Command) -> None:
    """Until then nothing is looked at; afterwards what opens still opens, and it is on record."""
    begin_next_epoch()
    command.done("backups", "list")
    shutil.rmtree(two / "keys" / "2")
    told = command("backups", "list")
    assert told.code == 1
    assert "epoch 2 was seen" in told.err
    assert command("backups", "verify", "--accept-rollback").code == 2
    command.done("backups", "verify", "--accept-rollback", "--reason", "lost with the old bucket")
    assert len(command.done("backups", "list", "-o", "json").document["backups"]) == 2
    (record,) = command.done("audit", "list", "--code", "backup.rollback_accepted", "-o", "json").document
    assert (record["data"]["epoch"], record["data"]["was"]) == (1, {"epoch": 2})


def test_whose_backup_is_meant_has_to_be_said_where_there_are_several(two: Path, command: Command) -> None:
    """By a name or the beginning of a uid; nobody restores another cluster's by mistake."""
    make_backup(cluster=DEPOT)
    told = command("backups", "show")
    assert told.code == 2
    assert "name one with --cluster" in told.err
    assert command.done("backups", "show", "--cluster", "depot", "-o", "json").document["cluster"] == DEPOT
    assert command.done("backups", "show", "--cluster", SHOP[:6], "-o", "json").document["seq"] == 2
    wrong = command("backups", "show", "--cluster", "nowhere")
    assert wrong.code == 2
    assert "depot" in wrong.err
    assert len(command.done("backups", "list", "-o", "json").document["backups"]) == 3


def test_somebody_without_the_key_or_who_does_not_trust_the_signer_reads_nothing(
    two: Path, tmp_path: Path, command: Command, monkeypatch: pytest.MonkeyPatch
) -> None:
    """And is told which of the two it is, and what to do about it."""
    signer = command.done("backups", "key", "-o", "json").document["signer_key"]
    monkeypatch.setenv("XDG_DATA_HOME", str(tmp_path / "elsewhere"))
    told = command("backups", "list")
    assert told.code == 1
    assert "trusted_signers" in told.err
    config = tmp_path / "trusting.yaml"
    config.write_text(
        yaml.safe_dump({"repositories": [{"name": "main", "url": two.as_uri(), "trusted_signers": [signer]}]})
    )
    monkeypatch.setenv("K8SOPS_CONFIG", str(config))
    told = command("backups", "list", "--repo", "main")
    assert told.code == 6
    assert "opens here" in told.err


def test_the_keys_are_made_once_and_never_shown(repository: Path, tmp_path: Path, command: Command) -> None:
    """A key that was overwritten would take every backup with it."""
    first = command.done("backups", "key", "-o", "json").document
    assert first["made"] is False
    file = Path(first["identity_file"])
    secret = file.read_text().splitlines()[-1]
    assert secret.startswith("AGE-SECRET-KEY-")
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    assert secret not in str(first)
    other = tmp_path / "safe.agekey"
    made = command.done("backups", "key", "--out", str(other), "-o", "json").document
    assert made["recipient"] != first["recipient"]
    assert command("backups", "key", "--out", str(other)).code == 2


def test_doctor_says_how_the_repository_stands_without_a_cluster(two: Path, command: Command) -> None:
    """Reads only: the marks in the store are those that were there."""
    told = command("doctor", "-o", "json")
    texts = [check["text"] for check in told.document if check["subject"] == "backups"]
    assert any("encrypted for 1 recipient" in text for text in texts)
    assert any("newest complete backup" in text for text in texts)


def test_doctor_names_what_nobody_vouches_for_and_a_clock_that_was_wrong(two: Path, command: Command) -> None:
    """A key file that anybody may have left, and a backup of tomorrow, which would hide that none is made."""
    make_backup(at=NOW + timedelta(days=300))
    planted = two / "keys" / "9" / f"{'a' * 32}.age"
    planted.parent.mkdir()
    planted.write_bytes(b"age-encryption.org/v1")
    texts = [
        check["text"] for check in command("doctor", "-o", "json").document if check["level"] == "warning"
    ]
    assert any(f"keys/9/{planted.name} cannot be opened" in text for text in texts)
    assert any("the files in keys/9 give no key here" in text for text in texts)
    assert any("backup 3 says it was read at" in text for text in texts)
