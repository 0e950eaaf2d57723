"""`k8sops grants`: small changes approved once, for a few hours, instead of one by one."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import click

from k8sops.cli.settings import connection_options, output_option, store_options, take_config

if TYPE_CHECKING:
    from k8sops.core.errors import ExitCode
    from k8sops.service.config import Config
    from k8sops.service.grants_desk import Grant, GrantAsked

_GRANT = click.Argument(["grant"], metavar="GRANT")


@click.group("grants", short_help="Time-boxed grants: small changes approved once.")
def grants_group() -> None:
    r"""Time-boxed grants: "restart in shop, for two hours", approved once.

    While a grant is in force, a plan that it covers needs no approvals of its own; whatever denies, is confirmed or
    wants a reason still does. Every use is on record. GRANT is an id, or the first six or more characters of one.

    \b
    Examples:
      k8sops grants request --action scale -n shop --for 2h --reason "OPS-12 release"
      k8sops grants approve 01JABC
      k8sops grants revoke 01JABC
    """


@grants_group.command(
    "request",
    params=[
        click.Option(
            ["--action", "actions"], multiple=True, required=True, metavar="NAME", help="What; repeatable."
        ),
        click.Option(
            ["-n", "--namespace", "namespaces"],
            multiple=True,
            required=True,
            metavar="NAME",
            help="Where; repeatable, no wildcards.",
        ),
        click.Option(["--for", "lasts"], required=True, metavar="SPAN", help="How long, as in 2h."),
        click.Option(
            ["--risk"],
            default="low",
            show_default=True,
            type=click.Choice(["low", "disruptive", "destructive"]),
            help="The greatest risk of a plan.",
        ),
        click.Option(
            ["--most-targets"],
            default=1,
            show_default=True,
            type=click.IntRange(1),
            metavar="N",
            help="The most objects in one plan.",
        ),
        click.Option(
            ["-l", "--label", "labels"],
            multiple=True,
            metavar="KEY=VALUE",
            help="Only objects with this label; repeatable.",
        ),
        click.Option(
            ["--person", "people"],
            multiple=True,
            metavar="NAME",
            help="Who may use it, as policy names them; repeatable.  [default: me]",
        ),
        click.Option(
            ["--group", "groups"], multiple=True, metavar="NAME", help="A group that may use it; repeatable."
        ),
        click.Option(["--reason"], default="", metavar="TEXT", help="Why; recorded."),
        output_option(),
        *(option for option in connection_options() if option.name != "namespace"),
    ],
)
def request_command(**values: Any) -> int:
    r"""Ask for a grant on this cluster; the policy's `grants` says what it may cover, and who approves it.

    Exits 4 where it waits for approval, 3 where the policy does not allow such a grant.

    \b
    Examples:
      k8sops grants request --action scale -n shop --for 2h
      k8sops grants request --action scale --action cordon -n shop -n cart --for 90m --group shop-team --most-targets 5
    """
    from k8sops.cli.running import run_async

    config = take_config(values)
    return run_async(_request(config, _asked(values), as_json=values["output"] == "json"))


def _asked(values: dict[str, Any]) -> GrantAsked:
    from k8sops.core.errors import UsageError
    from k8sops.core.moments import parse_span
    from k8sops.service.grants_desk import GrantAsked

    labels = {}
    for text in values["labels"]:
        key, equals, value = text.partition("=")
        if not key or not equals:
            raise UsageError(f"--label {text!r} is no label", hint="write it as in app=web")
        labels[key] = value
    fields = ("actions", "namespaces", "risk", "most_targets", "people", "groups", "reason")
    return GrantAsked(
        **{field: values[field] for field in fields},
        labels=labels,
        lasts=parse_span(values["lasts"], "--for"),
    )


async def _request(config: Config, asked: GrantAsked, *, as_json: bool) -> ExitCode:
    from k8sops.cli.console import say
    from k8sops.cli.identity_here import actor_at_terminal
    from k8sops.core.errors import ExitCode
    from k8sops.service import open_ops
    from k8sops.service.grants_desk import open_grants

    async with open_ops(config) as ops, open_grants(config) as grants:
        grant = await grants.request(asked, await actor_at_terminal(ops), ops.cluster_info)
    _tell(grant, as_json=as_json)
    if grant.state == "denied":
        say(f"error: the policy does not allow this grant: {grant.decision.why}")
        return ExitCode.DENIED
    if grant.state == "awaiting":
        say(f"It waits for approval: k8sops grants approve {grant.id} --digest {grant.digest[:12]}")
        return ExitCode.WAITING_FOR_APPROVAL
    return ExitCode.DONE


@grants_group.command(
    "list",
    params=[
        click.Option(["--all", "everything"], is_flag=True, help="Also those that are over."),
        output_option(),
        *store_options(),
    ],
)
def list_command(**values: Any) -> int:
    """Grants that wait or are in force, newest first."""
    from k8sops.cli.running import run_async

    config = take_config(values)
    return run_async(_list(config, everything=values["everything"], as_json=values["output"] == "json"))


async def _list(config: Config, *, everything: bool, as_json: bool) -> int:
    from k8sops.cli.console import put, put_json, say
    from k8sops.core.clock import rfc3339
    from k8sops.service.grants_desk import grant_document, in_a_line, open_grants

    async with open_grants(config) as grants:
        found = await grants.list(everything=everything)
    if as_json:
        put_json([grant_document(grant) for grant in found])
        return 0
    if not found:
        say("No grants found.")
        return 0
    put(f"{'GRANT':<26}  {'STATE':<8}  {'BY':<12}  {'UNTIL':<16}  WHAT")
    for grant in found:
        until = rfc3339(grant.spec.valid_until)[:16].replace("T", " ")
        who = (grant.person or grant.actor.name)[:12]
        put(f"{grant.id:<26}  {grant.state:<8}  {who:<12}  {until:<16}  {in_a_line(grant)}")
    return 0


@grants_group.command("show", params=[_GRANT, output_option(), *store_options()])
def show_command(**values: Any) -> int:
    """One grant: what it allows, who asked and why, the votes."""
    from k8sops.cli.running import run_async

    return run_async(_show(take_config(values), values["grant"], as_json=values["output"] == "json"))


async def _show(config: Config, wanted: str, *, as_json: bool) -> int:
    from k8sops.service.grants_desk import open_grants

    async with open_grants(config) as grants:
        _tell(await grants.get(wanted), as_json=as_json)
    return 0


def _vote_options() -> list[click.Parameter]:
    return [
        _GRANT,
        click.Option(
            ["--digest"], default="", metavar="HEX", help="The reviewed grant's digest (12 or more digits)."
        ),
        click.Option(["--reason"], default="", metavar="TEXT", help="Why; recorded with the vote."),
        output_option(),
        *connection_options(),
    ]


@grants_group.command("approve", params=_vote_options())
def approve_command(**values: Any) -> int:
    r"""Say yes to a grant, after seeing it; nobody approves their own.

    \b
    Examples:
      k8sops grants approve 01JABC
      k8sops grants approve 01JABC --digest 5f2a90c1b7d3
    """
    from k8sops.cli.running import run_async

    return run_async(_vote(take_config(values), values, approve=True))


@grants_group.command("deny", params=_vote_options())
def deny_command(**values: Any) -> int:
    """Say no to a grant; it ends there."""
    from k8sops.cli.running import run_async

    return run_async(_vote(take_config(values), values, approve=False))


async def _vote(config: Config, values: dict[str, Any], *, approve: bool) -> int:
    from k8sops.cli.console import put, put_json
    from k8sops.cli.identity_here import actor_at_terminal
    from k8sops.core.run import Vote
    from k8sops.service import open_ops
    from k8sops.service.grants_desk import grant_document, open_grants

    async with open_grants(config) as grants:
        digest = _digest(await grants.get(values["grant"]), values["digest"], approve=approve)
        vote = Vote(verdict="approve" if approve else "deny", digest=digest, reason=values["reason"])
        async with open_ops(config) as ops:
            actor = await actor_at_terminal(ops)
            voted = await grants.decide(values["grant"], vote, actor, ops.cluster_info)
    if values["output"] == "json":
        put_json(grant_document(voted))
    else:
        put(f"grant {voted.id}: {'approved' if approve else 'denied'}; it is {voted.state} now")
    return 0


def _digest(grant: Grant, given: str, *, approve: bool) -> str:
    """The digest to vote on: the one given, or after the grant was shown and accepted, the grant's."""
    from k8sops.cli.asking import answer, at_terminal
    from k8sops.cli.console import say
    from k8sops.core.errors import ConfirmationError
    from k8sops.service.grants_desk import grant_lines

    if given or not approve:
        return given or grant.digest
    if not at_terminal():
        raise ConfirmationError(
            "there is no terminal to show the grant at, so no vote was recorded",
            hint=f"review it with `k8sops grants show {grant.id}` and give --digest",
        )
    for line in grant_lines(grant):
        say(line)
    if answer(f"Approve this grant of {grant.person or grant.actor.name}? [y/N] ") not in {"y", "yes"}:
        raise ConfirmationError("not approved; no vote was recorded")
    return grant.digest


@grants_group.command(
    "revoke",
    params=[
        _GRANT,
        click.Option(["--reason"], default="", metavar="TEXT", help="Why; recorded."),
        output_option(),
        *connection_options(),
    ],
)
def revoke_command(**values: Any) -> int:
    r"""Take a grant back: nothing new rests on it, and what has not begun under it is not begun.

    Its requester, whoever may use or approve it, and policy administrators may.

    \b
    Examples:
      k8sops grants revoke 01JABC --reason "the release is out"
    """
    from k8sops.cli.running import run_async

    return run_async(_revoke(take_config(values), values))


async def _revoke(config: Config, values: dict[str, Any]) -> int:
    from k8sops.cli.console import put, put_json
    from k8sops.cli.identity_here import actor_at_terminal
    from k8sops.service import open_ops
    from k8sops.service.grants_desk import grant_document, open_grants

    async with open_ops(config) as ops, open_grants(config) as grants:
        actor = await actor_at_terminal(ops)
        grant = await grants.revoke(values["grant"], actor, ops.cluster_info, reason=values["reason"])
    if values["output"] == "json":
        put_json(grant_document(grant))
    else:
        put(f"grant {grant.id} is revoked")
    return 0


def _tell(grant: Grant, *, as_json: bool) -> None:
    from k8sops.cli.console import put, put_json
    from k8sops.service.grants_desk import grant_document, grant_lines

    if as_json:
        put_json(grant_document(grant))
    else:
        for line in grant_lines(grant):
            put(line)
