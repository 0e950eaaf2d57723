"""`k8sops audit`: what happened, the proof that nobody rewrote it, and ways to keep it elsewhere.

All of it reads the store or files alone; no cluster is asked.
"""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from k8sops.cli.settings import output_option, store_options, take_config

if TYPE_CHECKING:
    from k8sops.core.audit import AuditFilter
    from k8sops.core.errors import ExitCode
    from k8sops.service.config import Config


@click.group("audit", short_help="Search, prove, export and rotate the audit trail.")
def audit_group() -> None:
    r"""The audit trail: one chain of records in which each is fixed by the next one's hash.

    \b
    Examples:
      k8sops audit list --since 2h
      k8sops audit verify --trust ed25519:LAIY0TW80QTnXA6frIu/cjG9xiYRxXyqeaeNEa2CsgM=
      k8sops audit export --output trail.jsonl
    """


@audit_group.command(
    "list",
    params=[
        click.Option(["--person"], default="", metavar="NAME", help="By a person, or the actor's own name."),
        click.Option(["--action"], default="", metavar="NAME", help="Of one action, as in `scale`."),
        click.Option(
            ["--object"],
            default="",
            metavar="NAME",
            help="On an object: NAME, KIND/NAME or NAMESPACE/KIND/NAME.",
        ),
        click.Option(["--run"], default="", metavar="RUN", help="Of one run."),
        click.Option(
            ["--code"], default="", metavar="CODE", help="Of one kind, as in `run.voted` or `step.*`."
        ),
        click.Option(["--outcome"], default="", metavar="TEXT", help="As in `succeeded` or `refused`."),
        click.Option(["--since"], default="", metavar="WHEN", help="From then on: 2h, 7d, 2026-11-21."),
        click.Option(["--until"], default="", metavar="WHEN", help="Before then."),
        click.Option(
            ["--limit"], default=100, show_default=True, type=click.IntRange(1, 10_000), help="How many."
        ),
        output_option(),
        *store_options(),
    ],
)
def list_command(**values: Any) -> int:
    r"""The latest records that fit, newest last.

    \b
    Examples:
      k8sops audit list --object shop/deployments/web
      k8sops audit list --person alice --code 'run.*' --since 7d
      k8sops audit list --outcome refused -o json
    """
    from k8sops.cli.running import run_async

    return run_async(_list(take_config(values), _filter(values), as_json=values["output"] == "json"))


def _filter(values: dict[str, Any]) -> AuditFilter:
    from k8sops.core.audit import AuditFilter
    from k8sops.core.clock import SystemClock
    from k8sops.core.moments import parse_moment

    now = SystemClock().now()
    since, until = (
        parse_moment(values[flag], now, f"--{flag}") if values[flag] else None for flag in ("since", "until")
    )
    words = {flag: values[flag] for flag in ("person", "action", "object", "run", "code", "outcome")}
    return AuditFilter(**words, since=since, until=until, limit=values["limit"])


async def _list(config: Config, wanted: AuditFilter, *, as_json: bool) -> int:
    from k8sops.cli.audit_text import record_lines
    from k8sops.cli.console import put, put_json, say
    from k8sops.service.audit_trail import open_audit

    async with open_audit(config) as trail:
        found = await trail.find(wanted)
    if as_json:
        put_json([one.document for one in found])
    elif not found:
        say("No records found.")
    else:
        for line in record_lines(found):
            put(line)
    return 0


@audit_group.command(
    "verify",
    params=[
        click.Option(
            ["--file", "files"],
            multiple=True,
            metavar="EXPORT",
            type=click.Path(path_type=Path),
            help="Check an export or segment instead of the store; repeatable, oldest first.",
        ),
        click.Option(["--with-store"], is_flag=True, help="Go on with the store where the files end."),
        click.Option(
            ["--trust"],
            multiple=True,
            metavar="KEY",
            help="A checkpoint key, as text or in a file, instead of those the policy pins; repeatable.",
        ),
        click.Option(
            ["--expect"],
            default="",
            metavar="SEQ:HASH",
            help="What was noted of the chain earlier, elsewhere.",
        ),
        click.Option(
            ["--checkpoints"],
            metavar="FOLDER",
            type=click.Path(path_type=Path),
            help="Checkpoints kept outside the store, instead of the configured folder.",
        ),
        click.Option(["--record"], is_flag=True, help="Put the finding on record, as evidence of a review."),
        output_option(),
        *store_options(),
    ],
)
def verify_command(**values: Any) -> int:
    r"""Prove that the chain holds, and say in one sentence what that proves.

    Every record is read again. Without a trusted key the chain may have been written anew as a whole; with one, up to
    the last checkpoint it may not. Exits 0 where it holds, 8 where it does not, naming the first bad record.

    \b
    Examples:
      k8sops audit verify
      k8sops audit verify --expect 4211:6f1c…
      k8sops audit verify --file trail.jsonl --trust checkpoint-key.pub
      k8sops audit verify --file segment-1.audit.jsonl --with-store
    """
    from k8sops.cli.running import run_async

    return run_async(_verify(take_config(values), values))


async def _verify(config: Config, values: dict[str, Any]) -> ExitCode:
    from k8sops.cli.console import put, put_json, say
    from k8sops.core.errors import ExitCode, UsageError
    from k8sops.service.audit_check import Asked, check
    from k8sops.service.audit_trail import open_audit

    fields = ("files", "with_store", "trust", "expect", "checkpoints", "record")
    asked = Asked(**{field: values[field] for field in fields})
    if asked.files and asked.record and not asked.with_store:
        raise UsageError(
            "--record puts a finding about the store on record", hint="leave --file or --record away"
        )
    async with open_audit(config) as trail:
        checked = await check(trail, asked)
    if values["output"] == "json":
        put_json(checked.document)
        return ExitCode.DONE if checked.finding.ok else ExitCode.DIFFERENT
    if checked.finding.ok:
        put(checked.finding.sentence)
        put(f"Note elsewhere, to hold it against the chain later: --expect {checked.finding.expect}")
    else:
        say(f"error: {checked.finding.sentence}")
    if checked.note:
        say(f"hint: {checked.note}")
    return ExitCode.DONE if checked.finding.ok else ExitCode.DIFFERENT


@audit_group.command(
    "export",
    params=[
        click.Option(
            ["--format", "format_"],
            type=click.Choice(["jsonl", "cloudevents", "ocsf"]),
            default="jsonl",
            show_default=True,
            help="Only jsonl can be verified; the others are for collectors.",
        ),
        click.Option(
            ["--output", "path"],
            metavar="FILE",
            type=click.Path(path_type=Path),
            help="A new file, readable by its owner only; stdout if not given.",
        ),
        click.Option(
            ["--after"],
            default=0,
            metavar="SEQ",
            type=click.IntRange(0),
            help="Only the records after this one.",
        ),
        *store_options(),
    ],
)
def export_command(**values: Any) -> int:
    r"""Write the records out, ending with a checkpoint that this installation signs.

    The export is itself on record, and is its own last record.

    \b
    Examples:
      k8sops audit export --output trail.jsonl
      k8sops audit export --after 4211 --output more.jsonl
      k8sops audit export --format ocsf | collector
    """
    from k8sops.cli.running import run_async

    return run_async(_export(take_config(values), values))


async def _export(config: Config, values: dict[str, Any]) -> int:
    from contextlib import nullcontext

    from k8sops.cli.console import say
    from k8sops.service.audit_leaving import NewFile, export
    from k8sops.service.audit_trail import open_audit

    path = values["path"]
    async with open_audit(config) as trail:
        with NewFile(path) if path else nullcontext(sys.stdout.buffer) as out:
            done = await export(trail, out.write, format_=values["format_"], after=values["after"])
            out.flush()
    say(
        f"Records {done.first} to {done.last} were exported{f' to {path}' if path else ''}, signed by key {done.key}."
    )
    say(f"Note elsewhere: --expect {done.expect}")
    return 0


@audit_group.command("key", params=[output_option(), *store_options()])
def key_command(**values: Any) -> int:
    """Print the public half of this installation's checkpoint key, and how policy pins it.

    The key is made on first use, in a file of its own that only its owner can read.
    """
    from k8sops.cli.running import run_async

    return run_async(_key(take_config(values), as_json=values["output"] == "json"))


async def _key(config: Config, *, as_json: bool) -> int:
    from k8sops.cli.console import put, put_json, say
    from k8sops.service.audit_trail import open_audit

    async with open_audit(config) as trail:
        shown = await trail.key()
    if as_json:
        put_json({"id": shown.id, "key": shown.key})
        return 0
    put(shown.key)
    say("An administrator pins it in the policy:")
    for line in shown.policy_lines.splitlines():
        say(f"  {line}")
    return 0


@audit_group.command("checkpoint", params=[output_option(), *store_options()])
def checkpoint_command(**values: Any) -> int:
    """Sign what the chain is now; workers do it by themselves from time to time."""
    from k8sops.cli.running import run_async

    return run_async(_checkpoint(take_config(values), as_json=values["output"] == "json"))


async def _checkpoint(config: Config, *, as_json: bool) -> int:
    import json

    from k8sops.cli.console import put, put_json, say
    from k8sops.service.audit_trail import open_audit

    async with open_audit(config) as trail:
        signed = await trail.checkpoint()
    if as_json:
        put_json(json.loads(signed.line) if signed else {})
    elif signed is None:
        say("Nothing has come since the last checkpoint of this installation.")
    else:
        put(f"{signed.checkpoint.seq}:{signed.checkpoint.hash}")
    return 0


@audit_group.command(
    "rotate",
    params=[
        click.Option(
            ["--to", "folder"],
            required=True,
            metavar="FOLDER",
            type=click.Path(path_type=Path),
            help="Where sealed segments are kept.",
        ),
        click.Option(
            ["--older-than"],
            required=True,
            metavar="SPAN",
            help="Move what is older, as in 90d; signed for only.",
        ),
        click.Option(
            ["--drop-older-than"],
            default="",
            metavar="SPAN",
            help="Remove whole segments closed before, as in 730d.",
        ),
        output_option(),
        *store_options(),
    ],
)
def rotate_command(**values: Any) -> int:
    r"""Move old records out of the store into a sealed segment that goes on being provable.

    A segment ends at the last trusted checkpoint that is old enough; it is verified where it lies before its records
    leave the store. On PostgreSQL it takes the role that owns the tables.

    \b
    Examples:
      k8sops audit rotate --older-than 90d --to /var/lib/k8sops/audit
      k8sops audit rotate --older-than 90d --to audit --drop-older-than 730d
    """
    from k8sops.cli.running import run_async

    return run_async(_rotate(take_config(values), values))


async def _rotate(config: Config, values: dict[str, Any]) -> int:
    from k8sops.cli.console import put, put_json, say
    from k8sops.core.moments import parse_span
    from k8sops.service.audit_leaving import rotate
    from k8sops.service.audit_trail import open_audit

    older = parse_span(values["older_than"], "--older-than")
    drop = parse_span(values["drop_older_than"], "--drop-older-than") if values["drop_older_than"] else None
    async with open_audit(config) as trail:
        now = trail.clock.now()
        done = await rotate(
            trail, values["folder"], before=now - older, drop_before=now - drop if drop is not None else None
        )
    if values["output"] == "json":
        put_json(done.document)
        return 0
    if done.segment is None:
        say("No record is both old enough and signed for by a trusted key; nothing was moved.")
    else:
        put(f"{done.segment.file.name}: records {done.segment.first} to {done.segment.last}")
    for segment in done.dropped:
        say(f"dropped {segment.file.name}: records {segment.first} to {segment.last}")
    return 0
