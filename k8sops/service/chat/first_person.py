"""Somebody of the chat put into the policy: who they are, and as whom the clusters see them.

Pure: the file's text in, its text with what was missing out. Nothing that stands there is changed, and what comes out
is a policy that is valid and says what was wanted; where the text has no place for it, a person is shown what to add.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Final

import msgspec

from k8sops.core.errors import UsageError
from k8sops.core.plan import ClusterInfo
from k8sops.policy.load import DEFAULT, parse_policy
from k8sops.policy.policy import Policy
from k8sops.policy.yaml_text import read_yaml
from k8sops.service.chat.acting import ChatUser
from k8sops.service.yaml_insert import one_line, with_entry, with_item

_HEAD: Final = (
    "# Begun by `k8sops slack setup` with what held without a policy; docs/policy.md explains the keys.\n"
)


class KnownAs(msgspec.Struct, frozen=True, kw_only=True):
    """What a policy says of a user of the chat; empty where it says nothing."""

    person: str = ""
    groups: tuple[str, ...] = ()
    cluster_user: str = ""
    cluster_groups: tuple[str, ...] = ()

    @property
    def complete(self) -> bool:
        """Whether nothing is missing."""
        return bool(self.person and self.cluster_user)


class Newcomer(msgspec.Struct, frozen=True, kw_only=True):
    """What a policy is to say of a user of the chat."""

    user: ChatUser
    person: str
    groups: tuple[str, ...] = ()
    cluster_user: str
    cluster_groups: tuple[str, ...] = ()


def known_as(policy: Policy, user: ChatUser, person: str = "", cluster_user: str = "") -> KnownAs:
    """What the policy says; of `person` where it does not know the user.

    Raises UsageError where it knows the user as another, or the clusters another user than `cluster_user`.
    """
    found = policy.person_of(user.actor, "")
    if found.mapped and person and person != found.name:
        raise UsageError(
            f"the policy knows {user.user} as {found.name}, not as {person}",
            hint="a user is one person: take the entry out of the policy first if it is wrong",
        )
    name = found.name or person
    acts = policy.file.execute_as.people.get(name)
    if acts is not None and cluster_user not in {"", acts.user}:
        raise UsageError(
            f"the policy says that the clusters see {name} as {acts.user}, not as {cluster_user}",
            hint="change it there first if it is wrong: what stands in a policy is never overwritten",
        )
    entry = policy.directory.person(name)
    return KnownAs(
        person=found.name,
        groups=entry.groups if entry is not None else (),
        cluster_user=acts.user if acts is not None else "",
        cluster_groups=acts.groups if acts is not None else (),
    )


def new_policy_text(clusters: Sequence[ClusterInfo]) -> str:
    """A policy that says what the shipped one does, and what the clusters are: one it does not list is production."""
    shipped = "".join(
        line for line in DEFAULT.read_text(encoding="utf-8").splitlines(True) if not line.startswith("#")
    )
    if not clusters:
        return f"{_HEAD}{shipped}"
    pins = ({"uid": one.uid, "name": one.name, "environment": one.environment} for one in clusters)
    lines = "".join(f"  - {one_line(pin)}\n" for pin in pins)
    return f"{_HEAD}{shipped}clusters:  # one that is not listed counts as production\n{lines}"


def with_newcomer(text: str, who: Newcomer, *, where: str) -> str | None:
    """The policy with what it does not say yet of somebody; None where its text has no place for it.

    Raises PolicyError where the outcome would not be valid, UsageError where the policy says something else.
    """
    policy = parse_policy(text.encode(), where=where)
    known = known_as(policy, who.user, who.person, who.cluster_user)
    found: str | None = text
    if not known.person:
        found = _with_person(text, who, there=who.person in policy.file.people)
    if found is not None and not known.cluster_user:
        found = with_entry(found, ("execute_as", "people", who.person), _acts(who), read=_read)
    if found is not None:
        parse_policy(found.encode(), where=where)
    return found


def to_paste(who: Newcomer) -> str:
    """What to add by hand."""
    return (
        f"people:\n  {one_line(who.person)}: {one_line(_entry(who))}\n"
        f"execute_as:\n  people:\n    {one_line(who.person)}: {one_line(_acts(who))}\n"
    )


def _with_person(text: str, who: Newcomer, *, there: bool) -> str | None:
    if there:
        return with_item(text, ("people", who.person, "slack"), _chat(who), read=_read)
    return with_entry(text, ("people", who.person), _entry(who), read=_read)


def _entry(who: Newcomer) -> dict[str, Any]:
    return {**({"groups": [*who.groups]} if who.groups else {}), "slack": [_chat(who)]}


def _chat(who: Newcomer) -> dict[str, str]:
    return {"team": who.user.team, "user": who.user.user}


def _acts(who: Newcomer) -> dict[str, Any]:
    return {
        "user": who.cluster_user,
        **({"groups": [*who.cluster_groups]} if who.cluster_groups else {}),
    }


def _read(text: str) -> Any:
    return read_yaml(text.encode())
