"""What the keys of a policy must mean together: names that exist, keys that belong to one person, groups with members.

Each check yields problems as (key path, sentence, what to do). A problem refuses the file; a warning is what `doctor`
tells before the first approval is stuck.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator
from typing import Final, NamedTuple

from k8sops.core.errors import K8sOpsError
from k8sops.policy.expression import ConditionError, Pattern
from k8sops.policy.matching import Matcher, fits
from k8sops.policy.model import PinnedKey, PolicyFile
from k8sops.policy.people import ALWAYS_SHARED, Directory
from k8sops.policy.rule_model import Match, Outcome

GLOB_SIGNS: Final = frozenset("*?[")


class Problem(NamedTuple):
    """One thing that is wrong, and where."""

    path: str
    text: str
    hint: str = ""


def problems(file: PolicyFile) -> Iterator[Problem]:
    """All that is wrong, in the order of the file."""
    yield from _clusters(file)
    yield from _channels(file)
    yield from _people(file)
    yield from _groups(file)
    yield from _keys(file)
    yield from _rules(file)
    yield from _execute_as(file)


def warnings(file: PolicyFile) -> Iterator[Problem]:
    """What is allowed but will not work as it seems to."""
    directory = Directory(file)
    for path, outcome in _outcomes(file):
        if outcome.effect != "approve":
            continue
        able = len(directory.members(outcome.approvers))
        whom = f"{' or '.join(outcome.approvers)} has" if outcome.approvers else "the policy knows"
        if able < outcome.approvals:
            text = f"asks for {outcome.approvals} approvals, but {whom} {able} persons: it can never be met"
            yield Problem(path, text, "map more persons, or ask for fewer approvals")
        elif able == outcome.approvals:
            text = f"asks for {outcome.approvals} approvals and {whom} {able} persons: none of them can be requester"
            yield Problem(path, text, "map one person more")
    if file.trust == "signed":
        for name, entry in file.people.items():
            if not entry.keys:
                yield Problem(
                    f"people.{name}", "has no pinned key: their votes do not count", "`k8sops identity enrol`"
                )
        if not (file.administrators.people or file.administrators.groups):
            yield Problem(
                "administrators", "nobody may pin keys or close reviews", "name people or groups there"
            )


def _clusters(file: PolicyFile) -> Iterator[Problem]:
    names = [name for pin in file.clusters for name in {pin.uid, pin.name, *pin.aliases}]
    for name in _twice(names):
        yield Problem(
            "clusters", f"two clusters are called {name!r}", "a uid, name or alias belongs to one cluster"
        )
    known = set(names)
    for name in file.concurrency.clusters:
        if name not in known:
            yield _unknown_cluster(f"concurrency.clusters.{name}", name)


def _unknown_cluster(path: str, name: str) -> Problem:
    return Problem(path, f"no cluster is called {name!r}", "list it under clusters, or correct the name")


def _channels(file: PolicyFile) -> Iterator[Problem]:
    known = {name for pin in file.clusters for name in (pin.uid, pin.name, *pin.aliases)}
    for one in file.slack.channels:
        if one.cluster not in known:
            yield _unknown_cluster("slack.channels", one.cluster)
    for name in _twice([f"{one.channel} of {one.team}" for one in file.slack.channels]):
        yield Problem("slack.channels", f"{name} is listed twice", "a channel means one cluster: remove one")


def _people(file: PolicyFile) -> Iterator[Problem]:
    names = {name: pin.uid for pin in file.clusters for name in (pin.uid, pin.name, *pin.aliases)}
    shared = (*file.shared, *ALWAYS_SHARED)
    keys: dict[tuple[str, str, str], str] = {}
    for name, entry in file.people.items():
        path = f"people.{name}"
        for user in entry.cluster:
            if fits(shared, (user.username,)):
                yield Problem(
                    f"{path}.cluster",
                    f"the username {user.username!r} is shared, so it cannot stand for {name}",
                    "give the person a username of their own, or take this one out of `shared`",
                )
            for cluster in user.named:
                if cluster not in names:
                    yield _unknown_cluster(f"{path}.cluster", cluster)
                elif other := _taken(keys, ("cluster", names[cluster], user.username), name):
                    yield _two_persons(f"{path}.cluster", f"{user.username!r} on {cluster}", other, name)
        for chat in entry.slack:
            if other := _taken(keys, (chat.team, chat.user, ""), name):
                yield _two_persons(f"{path}.slack", f"{chat.user} of {chat.team}", other, name)


def _taken(keys: dict[tuple[str, str, str], str], key: tuple[str, str, str], name: str) -> str:
    other = keys.setdefault(key, name)
    return "" if other == name else other


def _two_persons(path: str, what: str, one: str, other: str) -> Problem:
    return Problem(
        path, f"{what} is mapped to {one} and to {other}", "a key belongs to one person: remove one"
    )


def _groups(file: PolicyFile) -> Iterator[Problem]:
    groups = {group for entry in file.people.values() for group in entry.groups}
    for name in set(file.roles) & groups:
        yield Problem(f"roles.{name}", f"{name!r} is a group as well", "give the role a name of its own")
    known = groups | set(file.roles)
    roles = [(f"roles.{name}", role) for name, role in file.roles.items()]
    for path, role in (*roles, ("administrators", file.administrators)):
        yield from _exist(f"{path}.people", role.people, file.people, "person")
        yield from _exist(
            f"{path}.groups", role.groups, groups if path != "administrators" else known, "group"
        )
    yield from _exist("break_glass.people", file.break_glass.people, file.people, "person")
    yield from _exist("break_glass.groups", file.break_glass.groups, known, "group or role")
    yield from _exist("execute_as.people", file.execute_as.people, file.people, "person")
    yield from _exist("slack.on_call", file.slack.on_call, known, "group or role")
    yield from _exist("slack.escalate_to", file.slack.escalate_to, known, "group or role")
    named = [one.group for one in file.slack.usergroups]
    yield from _exist("slack.usergroups", named, known, "group or role")
    for name in _twice([f"{one.channel} of {one.team}" for one in file.slack.log_bundles]):
        yield Problem("slack.log_bundles", f"{name} is listed twice", "remove one")
    for name in _twice([f"{one.group} in {one.team}" for one in file.slack.usergroups]):
        yield Problem("slack.usergroups", f"{name} is listed twice", "a group is one user group: remove one")
    for path, outcome in _outcomes(file):
        yield from _exist(f"{path}.from", outcome.approvers, known, "group or role")


def _exist(path: str, names: Iterable[str], known: Iterable[str], what: str) -> Iterator[Problem]:
    for name in names:
        if name not in known:
            yield Problem(path, f"there is no {what} {name!r}", "correct the name, or add it under people")


def _keys(file: PolicyFile) -> Iterator[Problem]:
    pinned: list[tuple[str, PinnedKey]] = [
        (f"people.{name}.keys", key) for name, entry in file.people.items() for key in entry.keys
    ]
    pinned += [("attestation.slack", key) for key in file.attestation.slack]
    for path, key in (*pinned, *(("checkpoint_keys", key) for key in file.checkpoint_keys)):
        # Only here, as it loads cryptography: most policies pin no key.
        from k8sops.policy.keys import parse_public  # noqa: PLC0415

        try:
            found = parse_public(key.key).key_id
        except K8sOpsError as error:
            yield Problem(path, f"key {key.id}: {error.message}", error.hint)
            continue
        if found != key.id:
            yield Problem(
                path, f"the key called {key.id} is {found}", "copy both again from `k8sops identity show`"
            )
    for key_id in _twice([key.id for _, key in pinned]):
        yield Problem(
            "people", f"key {key_id} is pinned twice", "a key belongs to one person: remove one pin"
        )


def _rules(file: PolicyFile) -> Iterator[Problem]:
    for name in _twice([rule.name for _, rule in file.each_rule()]):
        yield Problem("rules", f"two rules or freezes are called {name!r}", "give each a name of its own")
    known = {group for entry in file.people.values() for group in entry.groups} | set(file.roles)
    clusters = {name for pin in file.clusters for name in (pin.uid, pin.name, *pin.aliases)}
    for path, match, is_exception in _matches(file):
        if is_exception and match == Match():
            yield Problem(
                path, "an exception without conditions always holds", "say what it is for, or remove it"
            )
        yield from _exist(f"{path}.people", match.people, file.people, "person")
        yield from _exist(f"{path}.groups", match.groups, known, "group or role")
        yield from _exist(f"{path}.roles", match.roles, file.roles, "role")
        for cluster in match.clusters:
            if not GLOB_SIGNS & set(cluster) and cluster not in clusters:
                yield _unknown_cluster(f"{path}.clusters", cluster)
        try:
            Matcher(match, quantifier="any")
        except ConditionError as error:
            yield Problem(f"{path}.when", str(error), "docs/policy.md shows what conditions look like")
    for path, outcome in _outcomes(file):
        if outcome.ticket:
            try:
                Pattern(outcome.ticket)
            except ConditionError as error:
                yield Problem(f"{path}.ticket", str(error), "write it in RE2 syntax")


def _execute_as(file: PolicyFile) -> Iterator[Problem]:
    people = ((f"execute_as.people.{name}", one) for name, one in file.execute_as.people.items())
    services = ((f"execute_as.services.{one.name}", one) for one in file.execute_as.services)
    for path, identity in (*people, *services):
        for name in (identity.user, *identity.groups):
            if name.lower().startswith("system:"):
                yield Problem(
                    path,
                    f"{name!r} is not acted as: system: names have powers of their own",
                    "use a name without it",
                )
    for name in _twice([one.name for one in file.execute_as.services]):
        yield Problem(
            "execute_as.services", f"two services are called {name!r}", "give each a name of its own"
        )


def _outcomes(file: PolicyFile) -> Iterator[tuple[str, Outcome]]:
    for risk in ("read", "low", "disruptive", "destructive"):
        yield f"baseline.{risk}", getattr(file.baseline, risk)
    for kind, rule in file.each_rule():
        yield f"{kind}.{rule.name}", rule
    if file.protected_namespaces is not None:
        yield "protected_namespaces", file.protected_namespaces
    if file.protected_clusters is not None:
        yield "protected_clusters", file.protected_clusters
    # What a team that has written nothing about grants gets is no promise of theirs.
    if "grants" in file.model_fields_set:
        yield "grants", file.grants


def _matches(file: PolicyFile) -> Iterator[tuple[str, Match, bool]]:
    for kind, rule in file.each_rule():
        yield f"{kind}.{rule.name}.match", rule.match, False
        for place, unless in enumerate(rule.unless):
            yield f"{kind}.{rule.name}.unless[{place}]", unless, True


def _twice(names: Iterable[str]) -> list[str]:
    return sorted(name for name, times in Counter(names).items() if times > 1)
