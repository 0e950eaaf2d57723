"""`k8sops identity`: whose key signs here, and what an administrator needs to believe it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import click

from k8sops.cli.settings import connection_options, output_option, take_config

if TYPE_CHECKING:
    from k8sops.service.config import Config
    from k8sops.service.enrolments import Standing

_KEY = click.Argument(["key"], metavar="KEY|FILE")


@click.group("identity", short_help="Your signing key: enrol it, show it, check another's.")
def identity_group() -> None:
    """The keys that people sign with where a policy says `trust: signed`.

    A person enrols, which has the cluster's API server say whose key it is; a policy administrator checks that with
    their own credentials and pins the key in the policy.
    """


@identity_group.command("enrol", params=[output_option(), *connection_options()])
def enrol_command(**values: Any) -> int:
    """Make your key if there is none, and have the cluster stamp it with who you are."""
    from k8sops.cli.running import run_async

    return run_async(_enrol(take_config(values), as_json=values["output"] == "json"))


async def _enrol(config: Config, *, as_json: bool) -> int:
    from k8sops.cli.console import put_json, say
    from k8sops.service.enrolments import open_identities

    async with open_identities(config) as identities:
        found = await identities.enrol()
    if as_json:
        put_json(_document(found))
        return 0
    enrolment = found.enrolment
    where = f" on cluster {enrolment.cluster_name}" if enrolment else ""
    say(f"key {found.key_id} ({found.key_file}) is enrolled{where} as {found.username}")
    _tell(found)
    if not found.person:
        say("Send a policy administrator the key, or only its id. They run, within 24 hours:")
        say(f"  k8sops identity attest {found.public_key}")
    return 0


@identity_group.command("show", params=[output_option(), *connection_options()])
def show_command(**values: Any) -> int:
    """Your key, whose the policy says it is, and the lines that pin it."""
    from k8sops.cli.running import run_async

    return run_async(_show(take_config(values), as_json=values["output"] == "json"))


async def _show(config: Config, *, as_json: bool) -> int:
    from k8sops.cli.console import put, put_json
    from k8sops.service.enrolments import open_identities

    async with open_identities(config) as identities:
        found = await identities.show()
    if as_json:
        put_json(_document(found))
        return 0
    put(f"key     {found.key_id}  {found.public_key}")
    put(f"file    {found.key_file}")
    put(f"pinned  {found.person or 'for nobody: the policy does not have this key'}")
    known = f", in the policy {found.known_as}" if found.known_as else ", whom the policy maps to nobody"
    put(f"user    {found.username}{known}")
    put(f"trust   {found.trust}")
    _tell(found)
    return 0


@identity_group.command(
    "attest",
    params=[
        _KEY,
        click.Option(["--person"], default="", metavar="NAME", help="What the policy is to call them."),
        output_option(),
        *connection_options(),
    ],
)
def attest_command(**values: Any) -> int:
    r"""Check, as an administrator, whose key it is, with your own credentials; prints the lines that pin it.

    \b
    Examples:
      k8sops identity attest ed25519:PUAXw+hDiVqStwqnTRt+vJyYLM8uxJaMwM1V8Sr0Zgw= --person alice
      k8sops identity attest 39f713d0a644253f
    """
    from k8sops.cli.running import run_async

    return run_async(_attest(take_config(values), values))


async def _attest(config: Config, values: dict[str, Any]) -> int:
    from k8sops.cli.console import put_json, say
    from k8sops.service.enrolments import open_identities

    async with open_identities(config) as identities:
        found = await identities.attest(values["key"], person=values["person"])
    if values["output"] == "json":
        put_json(_document(found))
        return 0
    enrolment = found.enrolment
    groups = f", in {', '.join(enrolment.groups)}" if enrolment and enrolment.groups else ""
    where = enrolment.cluster_name if enrolment else ""
    say(f"the API server of {where} says: key {found.key_id} was sent by {found.username}{groups}")
    if found.person:
        say(f"the policy pins it for {found.person} already")
    _tell(found)
    return 0


@identity_group.command(
    "withdraw",
    params=[
        click.Argument(["key"], metavar="[KEY|FILE]", required=False, default=""),
        output_option(),
        *connection_options(),
    ],
)
def withdraw_command(**values: Any) -> int:
    """Delete an enrolment request from the cluster, once its key is pinned; your own unless another is named."""
    from k8sops.cli.running import run_async

    return run_async(_withdraw(take_config(values), values["key"], as_json=values["output"] == "json"))


async def _withdraw(config: Config, key: str, *, as_json: bool) -> int:
    from k8sops.cli.console import put, put_json
    from k8sops.service.enrolments import open_identities

    async with open_identities(config) as identities:
        found, deleted = await identities.withdraw(key)
    if as_json:
        put_json({"key": found.key_id, "request": found.request, "deleted": deleted})
    else:
        put(f"{found.request} {'was deleted' if deleted else 'was gone already'}; the pin, if any, stays")
    return 0


def _tell(found: Standing) -> None:
    from k8sops.cli.console import put, say

    for note in found.notes:
        say(f"note: {note}")
    if found.lines:
        say("What pins the key, in the policy:")
        for line in found.lines.rstrip().splitlines():
            put(line)


def _document(found: Standing) -> dict[str, Any]:
    enrolment = found.enrolment
    return {
        "key": {"id": found.key_id, "public": found.public_key, "file": found.key_file},
        "person": found.person,
        "username": found.username,
        "known_as": found.known_as,
        "shared": found.shared,
        "trust": found.trust,
        "notes": list(found.notes),
        "policy": found.lines,
        "enrolment": None
        if enrolment is None
        else {
            "cluster": {"uid": enrolment.cluster_uid, "name": enrolment.cluster_name},
            "username": enrolment.username,
            "groups": list(enrolment.groups),
            "request": enrolment.request,
            "created": enrolment.created,
        },
    }
