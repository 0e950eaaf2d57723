"""`k8sops audit` on both stores: what is found, what is proved, and what leaves the store provable."""

from __future__ import annotations

import asyncio
import json
import sqlite3
import stat
import uuid
from datetime import timedelta
from pathlib import Path

import psycopg
import pytest

from k8sops.audit.record import genesis
from k8sops.audit.rotation import Segment
from k8sops.core.plan import JsonObject
from k8sops.service.audit_leaving import rotate
from k8sops.service.audit_trail import open_audit
from k8sops.service.config import load_config
from k8sops.store.audit_search import span_of
from tests.support.command import Command
from tests.support.plans import NOW
from tests.support.postgres import PostgresTestServer
from tests.support.records import (
    an_entry,
    database_of,
    delete_plainly,
    in_store,
    record,
    sign_long_ago,
    tamper,
)


def public_key(command: Command) -> str:
    """The checkpoint key of this installation."""
    return command.done("audit", "key").out.strip()


def codes(command: Command, *filters: str) -> list[str]:
    """The codes of the records found."""
    found: list[JsonObject] = command.done("audit", "list", *filters, "-o", "json").document
    return [one["code"] for one in found]


def test_list_filters_by_who_what_where_and_when(command: Command, each_store: str) -> None:
    """An auditor's question is one of these; the answer must not depend on the database."""
    later = NOW + timedelta(hours=1)
    record(
        each_store,
        [
            an_entry(
                "run.proposed", who="alice@example.org", person="alice", run="01AAAAAAAAAAAAAAAAAAAAAAAA"
            ),
            an_entry("step.intent", who="bob", name="cart", run="01BBBBBBBBBBBBBBBBBBBBBBBB"),
            an_entry(
                "step.outcome", who="bob", name="cart", outcome="failed", run="01BBBBBBBBBBBBBBBBBBBBBBBB"
            ),
            an_entry("run.denied", who="mal", action="drain", outcome="denied"),
        ],
    )
    assert codes(command) == ["run.proposed", "step.intent", "step.outcome", "run.denied"]
    assert codes(command, "--person", "alice") == ["run.proposed"]
    assert codes(command, "--person", "alice@example.org") == ["run.proposed"]
    assert codes(command, "--person", "bob", "--outcome", "failed") == ["step.outcome"]
    assert codes(command, "--action", "drain") == ["run.denied"]
    assert codes(command, "--code", "step.*") == ["step.intent", "step.outcome"]
    assert codes(command, "--code", "step.") == []
    assert codes(command, "--run", "01bbbbbb") == ["step.intent", "step.outcome"]
    for wanted in ("cart", "deployment/cart", "shop/deployments/cart", "shop/deployments.apps/cart"):
        assert codes(command, "--object", wanted) == ["step.intent", "step.outcome"]
    assert codes(command, "--object", "data/deployments/cart") == []
    assert codes(command, "--limit", "1") == ["run.denied"]
    assert codes(command, "--until", NOW.isoformat()) == []
    assert codes(command, "--since", later.isoformat()) == []
    assert len(codes(command, "--since", NOW.isoformat(), "--until", later.isoformat())) == 4


def test_list_as_text_tells_each_record_on_a_line_and_no_raw_control_characters(
    command: Command, own_store: str
) -> None:
    """Names come from clusters and chats; a terminal must survive them."""
    record(own_store, [an_entry(who="bob", name="web", outcome="failed", reason="it said \x1b[2J no")])
    lines = command.done("audit", "list").out.splitlines()
    assert lines[0].split() == ["SEQ", "WHEN", "CODE", "WHO", "RUN", "WHAT"]
    assert "step.outcome" in lines[1]
    assert "scale shop/deployments/web → failed" in lines[1]
    assert "\x1b" not in lines[1]


def test_verify_says_what_it_proves_with_and_without_trusted_keys(command: Command, each_store: str) -> None:
    """To hold means less without a key from outside; the sentence must not promise more."""
    record(each_store, [an_entry(), an_entry()])
    plain = command.done("audit", "verify")
    assert "no trusted key has signed them" in plain.out
    assert "--trust" in plain.err
    expect = plain.out.split("--expect ")[1].strip()
    command.done("audit", "checkpoint")
    record(each_store, [an_entry()])
    told = command.done("audit", "verify", "--trust", public_key(command), "--expect", expect)
    assert "signed up to record 3; 1 came after" in told.out
    assert command("audit", "verify", "--expect", "2:" + "0" * 64).code == 8


def test_policy_pins_the_keys_that_verify_trusts(
    command: Command, own_store: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Nobody types keys every day: an administrator pins them once."""
    record(own_store, [an_entry()])
    command.done("audit", "checkpoint")
    shown = command.done("audit", "key", "-o", "json").document
    policy = tmp_path / "policy.yaml"
    policy.write_text(f'format: 1\ncheckpoint_keys: [{{id: "{shown["id"]}", key: "{shown["key"]}"}}]\n')
    monkeypatch.setenv("K8SOPS_POLICY", str(policy))
    assert "all of them signed" in command.done("audit", "verify").out


@pytest.mark.parametrize(
    ("statement", "kind"),
    [
        ("UPDATE audit SET record = (SELECT record FROM audit WHERE seq = 1) WHERE seq = 2", "record 2"),
        ("DELETE FROM audit WHERE seq = 2", "delete at record 2"),
        ("DELETE FROM audit WHERE seq = 3", "truncation at record 3"),
        ("UPDATE audit SET seq = 7 WHERE seq = 3", "3"),
        (
            "UPDATE audit_head SET seq = 2, hash = (SELECT hash FROM audit WHERE seq = 2)",
            "insert at record 3",
        ),
    ],
)
def test_verify_names_the_first_bad_record_and_exits_8(
    command: Command, each_store: str, statement: str, kind: str
) -> None:
    """Whoever owns the database can change it; nobody can do so unnoticed."""
    record(each_store, [an_entry(), an_entry(), an_entry()])
    tamper(each_store, statement)
    told = command("audit", "verify")
    assert told.code == 8
    assert told.out == ""
    assert "does not hold" in told.err
    assert kind in told.err
    assert command("audit", "verify", "-o", "json").document["ok"] is False


def test_a_chain_written_anew_is_caught_by_checkpoints_kept_outside(
    command: Command, own_store: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The store's owner may replace the whole file, checkpoints included; a folder elsewhere remembers."""
    kept = tmp_path / "kept"
    monkeypatch.setenv("K8SOPS_CHECKPOINTS", str(kept))
    record(own_store, [an_entry(), an_entry()])
    command.done("audit", "checkpoint")
    (file,) = kept.glob("checkpoint-*.json")
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    store_id = in_store(own_store, span_of).store_id
    forged = f"sqlite:///{tmp_path}/forged/k8sops.db"
    in_store(forged, lambda tx: None)
    tamper(forged, f"UPDATE audit_head SET store_id = '{store_id}', hash = '{genesis(store_id)}'")  # noqa: S608 - a test's own
    record(forged, [an_entry(who="mallory") for _ in range(5)])
    monkeypatch.setenv("K8SOPS_DATABASE_URL", forged)
    monkeypatch.delenv("K8SOPS_CHECKPOINTS")
    trust = ("--trust", public_key(command))
    assert command("audit", "verify", *trust).code == 0
    told = command("audit", "verify", *trust, "--checkpoints", str(kept))
    assert told.code == 8
    assert "written anew" in told.err


def test_an_export_verifies_offline_and_is_its_own_last_record(
    command: Command, each_store: str, tmp_path: Path
) -> None:
    """What leaves the store is as provable as the store, without the store."""
    record(each_store, [an_entry(), an_entry()])
    file = tmp_path / "trail.jsonl"
    told = command.done("audit", "export", "--output", str(file))
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    lines = file.read_bytes().splitlines()
    assert json.loads(lines[-2])["record"]["code"] == "audit.exported"
    assert json.loads(lines[-1])["checkpoint"]["seq"] == 4
    assert "--expect 4:" in told.err
    trust = tmp_path / "key.pub"
    trust.write_text(public_key(command))
    for more in ([], ["--trust", str(trust)]):
        assert command("audit", "verify", "--file", str(file), *more).code == 0
    assert "all of them signed" in command.done("audit", "verify", "--trust", str(trust)).out
    again = command("audit", "export", "--output", str(file))
    assert again.code == 2
    assert "is there already" in again.err
    changed = tmp_path / "changed.jsonl"
    changed.write_bytes(file.read_bytes().replace(b'"alice"', b'"malic"', 1))
    told = command("audit", "verify", "--file", str(changed), "--trust", str(trust))
    assert told.code == 8
    assert "record 1" in told.err


def test_an_export_can_go_on_where_another_ended(command: Command, own_store: str, tmp_path: Path) -> None:
    """A nightly job exports what is new; the files together prove the whole."""
    record(own_store, [an_entry()])
    one, two = tmp_path / "one.jsonl", tmp_path / "two.jsonl"
    command.done("audit", "export", "--output", str(one))
    last = json.loads(one.read_bytes().splitlines()[0])["last"]
    record(own_store, [an_entry()])
    command.done("audit", "export", "--after", str(last), "--output", str(two))
    both = command.done(
        "audit", "verify", "--file", str(one), "--file", str(two), "--trust", public_key(command)
    )
    assert "Records 1 to 5 hold" in both.out
    assert command("audit", "verify", "--file", str(two), "--file", str(one)).code == 8
    assert command("audit", "export", "--after", "99").code == 2


def test_exports_for_collectors_are_one_event_to_a_line_on_stdout(command: Command, own_store: str) -> None:
    """They are piped into something; narration stays on stderr."""
    record(own_store, [an_entry()])
    events = [
        json.loads(line)
        for line in command.done("audit", "export", "--format", "cloudevents").out.splitlines()
    ]
    assert [event["type"].rpartition(".v1.")[2] for event in events] == [
        "step.outcome", "carrier.key", "audit.exported",
    ]  # fmt: skip
    ocsf = [json.loads(line) for line in command.done("audit", "export", "--format", "ocsf").out.splitlines()]
    assert {event["class_uid"] for event in ocsf} == {6003}


def test_an_export_of_a_broken_chain_leaves_no_file(command: Command, own_store: str, tmp_path: Path) -> None:
    """A file without its checkpoint would look like a whole one to whoever only looks."""
    record(own_store, [an_entry(), an_entry(), an_entry()])
    tamper(own_store, "DELETE FROM audit WHERE seq = 2")
    file = tmp_path / "trail.jsonl"
    assert command("audit", "export", "--output", str(file)).code == 8
    assert not file.exists()


def test_nothing_is_rotated_that_is_not_old_and_signed_for(
    command: Command, own_store: str, tmp_path: Path
) -> None:
    """What leaves the store must be provable afterwards; a segment nobody signed for proves nothing."""
    record(own_store, [an_entry(), an_entry()])
    arguments = ("audit", "rotate", "--older-than", "1h", "--to", str(tmp_path / "segments"))
    assert "nothing was moved" in command.done(*arguments).err
    command.done("audit", "checkpoint")
    assert "nothing was moved" in command.done(*arguments).err
    assert codes(command, "--code", "audit.rotated") == []


def test_records_that_were_rotated_away_are_in_a_segment_which_joins_the_store(
    command: Command, each_store: str, tmp_path: Path
) -> None:
    """Verified from record 1, through the segment, into the store; and the guard is back in its place."""
    record(each_store, [an_entry(), an_entry()])
    trust = public_key(command)
    sign_long_ago(each_store)
    record(each_store, [an_entry("run.denied")])
    folder = tmp_path / "segments"
    done = command.done("audit", "rotate", "--older-than", "30d", "--to", str(folder), "-o", "json").document
    assert (done["segment"]["first"], done["segment"]["last"], done["removed"]) == (1, 2, 2)
    assert codes(command) == ["run.denied", "audit.rotated"]
    (segment,) = folder.glob("segment-*")
    assert stat.S_IMODE(segment.stat().st_mode) == 0o600
    assert "Records 3 to 4 hold" in command.done("audit", "verify", "--trust", trust).out
    whole = command.done("audit", "verify", "--file", str(segment), "--with-store", "--trust", trust)
    assert "Records 1 to 4 hold" in whole.out
    with pytest.raises((sqlite3.Error, psycopg.Error), match="insert-only"):
        delete_plainly(each_store)
    rest = tmp_path / "rest.jsonl"
    command.done("audit", "export", "--output", str(rest))
    assert command("audit", "verify", "--file", str(segment), "--file", str(rest), "--trust", trust).code == 0


def test_retention_drops_whole_segments_and_the_rest_stays_provable(
    command: Command, own_store: str, tmp_path: Path
) -> None:
    """The law may want records gone; what is kept must not become doubtful by it."""
    record(own_store, [an_entry(), an_entry()])
    trust = public_key(command)
    sign_long_ago(own_store)
    folder = tmp_path / "segments"
    arguments = ("audit", "rotate", "--older-than", "30d", "--to", str(folder))
    assert "records 1 to 2" in command.done(*arguments).out
    (segment,) = folder.glob("segment-*")
    assert command.done(*arguments, "--drop-older-than", "30d", "-o", "json").document["dropped"] == []
    dropped = asyncio.run(drop_everything(folder))
    assert [(one.first, one.last) for one in dropped] == [(1, 2)]
    assert not segment.exists()
    assert codes(command) == ["audit.rotated", "audit.dropped"]
    assert "Records 3 to 4 hold" in command.done("audit", "verify", "--trust", trust).out


def test_only_the_owner_of_the_tables_rotates(
    command: Command,
    postgres: PostgresTestServer,
    postgres_url: str,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """A door that could take records out of the trail would make the trail worth nothing."""
    monkeypatch.setenv("XDG_DATA_HOME", str(tmp_path / "data"))
    monkeypatch.setenv("K8SOPS_DATABASE_URL", postgres_url)
    record(postgres_url, [an_entry(), an_entry()])
    public_key(command)
    sign_long_ago(postgres_url)
    door = f"door_{uuid.uuid4().hex[:8]}"
    postgres.run(f"CREATE ROLE {door} LOGIN IN ROLE k8sops_door")
    monkeypatch.setenv("K8SOPS_DATABASE_URL", postgres.url(database_of(postgres_url), user=door))
    arguments = ("audit", "rotate", "--older-than", "30d", "--to", str(tmp_path / "segments"))
    told = command(*arguments)
    assert told.code == 1
    assert "only the owner of the audit table" in told.err
    command.done("audit", "export", "--output", str(tmp_path / "trail.jsonl"))
    assert codes(command) == ["step.outcome", "step.outcome", "audit.exported"]
    monkeypatch.setenv("K8SOPS_DATABASE_URL", postgres_url)
    assert "records 1 to 2" in command.done(*arguments).out
    assert codes(command) == ["audit.exported", "audit.rotated"]


def test_the_key_is_made_once_for_its_owner_alone(command: Command, own_store: str, tmp_path: Path) -> None:
    """A second key each time would sign checkpoints nobody has pinned."""
    first = public_key(command)
    assert public_key(command) == first
    path = tmp_path / "data" / "k8sops" / "keys" / "checkpoint.pem"
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert stat.S_IMODE(path.parent.stat().st_mode) == 0o700
    path.chmod(0o644)
    told = command("audit", "checkpoint")
    assert told.code in {0, 2}
    record(own_store, [an_entry()])
    told = command("audit", "checkpoint")
    assert told.code == 2
    assert "chmod 600" in told.err
    assert "PRIVATE" not in told.err


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        (("list", "--since", "yesterday"), "--since 'yesterday' is no moment"),
        (("verify", "--expect", "12"), "'12' is not SEQ:HASH"),
        (("verify", "--trust", "nonsense"), "neither a public key nor a file"),
        (("verify", "--file", "/nowhere/x.jsonl"), "/nowhere/x.jsonl cannot be read"),
        (("export", "--output", "/nowhere/x.jsonl"), "/nowhere/x.jsonl cannot be made"),
    ],
)
def test_wrong_input_gets_one_sentence_and_exit_2(
    command: Command, own_store: str, arguments: tuple[str, ...], sentence: str
) -> None:
    """Never a traceback."""
    told = command("audit", *arguments)
    assert told.code == 2
    assert sentence in told.err


def test_verify_with_record_leaves_evidence_of_the_review(command: Command, own_store: str) -> None:
    """Auditors ask when the trail was last looked at."""
    record(own_store, [an_entry()])
    command.done("audit", "verify", "--record")
    (found,) = command.done("audit", "list", "--code", "audit.verified", "-o", "json").document
    assert found["outcome"] == "holds"
    assert found["data"]["last"] == 1


async def drop_everything(folder: Path) -> tuple[Segment, ...]:
    """What rotation would drop if retention ended in an hour from now."""
    async with open_audit(load_config({})) as trail:
        now = trail.clock.now()
        later = now + timedelta(hours=1)
        return (await rotate(trail, folder, before=now - timedelta(days=30), drop_before=later)).dropped
