"""Who somebody is here: the id Slack vouches for, the person policy knows behind it, and as whom they act."""

from __future__ import annotations

from collections.abc import Sequence

import msgspec

from k8sops.core.actor import Actor
from k8sops.core.persons import Person
from k8sops.core.plan import ClusterInfo
from k8sops_slack.blocks.building import context, section
from k8sops_slack.blocks.markup import Mrkdwn, bold, code, escaped, fenced, joined, written
from k8sops_slack.blocks.sending import Message, message
from k8sops_slack.cards.words import where


class ActsAs(msgspec.Struct, frozen=True, kw_only=True):
    """As whom somebody's commands go to a cluster, or why they do not."""

    cluster: ClusterInfo
    username: str = ""
    groups: tuple[str, ...] = ()
    refused: str = ""
    yaml: str = ""
    """The RBAC that would allow it."""


def whoami_message(actor: Actor, person: Person, acts: Sequence[ActsAs]) -> Message:
    """What is known, and what is missing."""
    ids = joined(" ", [written("Slack knows you as"), code(f"{actor.team}/{actor.name}")])
    if person.mapped:
        groups = f" ({', '.join(person.groups)})" if person.groups else ""
        known = joined(" ", [written("Policy knows you as"), bold(escaped(f"{person.name}{groups}", 200))])
    elif person.shared:
        known = written("Policy lists this id as shared: it may ask, not approve.")
    else:
        known = joined(" ", [written("Policy knows nobody by this id:"), _how_to_map(actor)])
    lines = [ids, known, *map(_acting, acts)]
    blocks = [section(joined("\n", lines))]
    for one in acts:
        if one.yaml:
            told = joined(
                " ", [written("For"), escaped(where(one.cluster), 100), written("this is missing:")]
            )
            blocks += [context(told), section(fenced(one.yaml.splitlines()))]
    return message(joined(" ", [ids, written("·"), known]), blocks)


def _how_to_map(actor: Actor) -> Mrkdwn:
    return joined(
        " ", [written("an administrator adds"), code(f"slack: [{{team: {actor.team}, user: {actor.name}}}]")]
    )


def _acting(one: ActsAs) -> Mrkdwn:
    place = escaped(where(one.cluster), 100)
    if one.refused:
        return joined(" ", [written("⛔"), place, written("·"), escaped(one.refused, 300)])
    groups = f"in {', '.join(one.groups)}" if one.groups else ""
    return joined(" ", [written("✅"), place, written("· as"), code(one.username), escaped(groups, 200)])
