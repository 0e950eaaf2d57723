"""Taint nodes: add, change or remove taints, saying which pods a NoExecute taint would throw out.

A NoExecute taint ends pods without asking any PodDisruptionBudget (kubernetes.io, Taints and Tolerations), so the plan
names how many; `drain` is the way that asks.
"""

from __future__ import annotations

import re
import shlex
from collections.abc import Sequence
from typing import Any, ClassVar, Final

import msgspec
from pydantic import model_validator

from k8sops.actions.choosing import Chosen, ChosenParams, chosen, of_one_kind, words_apart
from k8sops.actions.locked_patch import patch_locked
from k8sops.actions.objects.labels import KEY, LABEL_VALUE
from k8sops.actions.planning import make_plan, no_change, resting_on, walk_steps
from k8sops.cluster.nodes import Taint as NodeTaint
from k8sops.core.clock import Clock
from k8sops.core.errors import UsageError
from k8sops.core.journal import Journal
from k8sops.core.params import KIND_AND_NAME, ObjectName, PlainText, option, positional
from k8sops.core.plan import Finding, Forecast, JsonObject, Plan, Step
from k8sops.core.ports import Cluster, ClusterReader
from k8sops.core.risk import Risk, riskiest
from k8sops.forecast.objects import Pod, Toleration
from k8sops.forecast.taints import tolerates

EFFECTS: Final = ("NoSchedule", "PreferNoSchedule", "NoExecute")
SECONDS_PER_NODE: Final = 0.1
NAMED: Final = 3


class Change(msgspec.Struct, frozen=True):
    """One taint to set, or to remove: without an effect, of every effect."""

    key: str
    value: str = ""
    effect: str = ""
    remove: bool = False


_CHANGE: Final = re.compile(r"(?P<key>[^=:]+?)(=(?P<value>[^:]*))?(:(?P<effect>[A-Za-z]+))?(?P<remove>-)?")


def parse_change(text: str) -> Change | None:
    """`KEY=VALUE:EFFECT`, `KEY:EFFECT`, `KEY:EFFECT-` or `KEY-`, as kubectl takes them; None for another word."""
    match = _CHANGE.fullmatch(text)
    if match is None or not (match["effect"] or match["remove"]):
        return None
    return Change(match["key"], match["value"] or "", match["effect"] or "", bool(match["remove"]))


class TaintParams(ChosenParams):
    """Which nodes, and which taints."""

    nothing_named: ClassVar[str] = "name at least one node, or give --selector"
    targets: tuple[PlainText, ...] = positional(
        "Nodes, by name.", metavar="NODE...", names=KIND_AND_NAME, default=()
    )
    namespace: ObjectName = option("Nodes are in no namespace.", default="default")
    changes: tuple[PlainText, ...] = option(
        "KEY=VALUE:EFFECT sets, KEY:EFFECT- or KEY- removes; they may also follow the nodes without a flag.",
        metavar="TAINT",
        default=(),
    )
    overwrite: bool = option("Replace the value of a taint that is there already.", default=False)

    @model_validator(mode="before")
    @classmethod
    def _split(cls, given: Any) -> Any:
        apart = words_apart(given, "changes", lambda word: parse_change(word) is not None)
        return of_one_kind(apart, "nodes")

    @model_validator(mode="after")
    def _well_formed(self) -> TaintParams:
        if not self.changes:
            raise ValueError("say which taint: KEY=VALUE:EFFECT sets, KEY- removes")
        for text in self.changes:
            change = parse_change(text)
            if change is None or not KEY.fullmatch(change.key) or not LABEL_VALUE.fullmatch(change.value):
                raise ValueError(f"{text!r} is no taint: write KEY=VALUE:EFFECT, or KEY- to remove")
            if change.effect and change.effect not in EFFECTS:
                raise ValueError(f"{text!r} has no effect that exists: {', '.join(EFFECTS)}")
        return self

    @property
    def wanted(self) -> tuple[Change, ...]:
        """The changes, parsed."""
        return tuple(change for text in self.changes if (change := parse_change(text)) is not None)


class Taint:
    """Adds, changes and removes taints of nodes."""

    name: ClassVar[str] = "taint"
    version: ClassVar[int] = 1

    async def plan(self, params: TaintParams, cluster: ClusterReader, clock: Clock) -> Plan:
        """Compare each node's taints with what is wanted; read the pods where some would be thrown out."""
        nodes = await chosen(params, cluster, "tainted")
        if other := next((one for one in nodes if one.resource.qualified != "nodes"), None):
            raise UsageError(
                f"{other.target.label} is no node; nothing was tainted", hint="taints are on nodes"
            )
        findings: list[Finding] = []
        steps = []
        for one in nodes:
            before = _taints(one.object)
            after = _applied(before, params.wanted)
            if after == before:
                findings.append(_unchanged(one))
                continue
            findings += _overwritten(one, before, params)
            thrown = await _thrown_out(one, before, after, cluster)
            if thrown:
                findings.append(_throws_out(one, thrown))
            steps.append(_step(one, before, after, Risk.DISRUPTIVE if thrown else Risk.LOW))
        return make_plan(
            self,
            params,
            cluster.info,
            clock,
            summary=_summary(params, steps),
            steps=steps,
            findings=findings,
            requires=resting_on(steps),
            blast_radius={"nodes": len(steps)},
            forecast=Forecast(seconds=SECONDS_PER_NODE * len(steps)),
        )

    async def apply(self, plan: Plan, cluster: Cluster, journal: Journal) -> None:
        """Write each node's taints, keeping those that are not spoken of."""
        resource = await cluster.resource("nodes")
        wanted = TaintParams.model_validate(plan.params).wanted

        async def write(step: Step) -> str:
            return await patch_locked(
                cluster,
                resource,
                step,
                facts=lambda found: {"spec.taints": shown(_spoken_of(_taints(found), wanted))},
                body=lambda found: {"spec": {"taints": _as_json(_applied(_taints(found), wanted))}},
                done=f"{step.target.label} has the taints",
            )

        await walk_steps(plan, journal, write)


TaintKey = tuple[str, str]
Taints = dict[TaintKey, str]
"""Value by (key, effect)."""


def _taints(node: JsonObject) -> Taints:
    return {
        (str(taint["key"]), str(taint["effect"])): str(taint.get("value", ""))
        for taint in node["spec"].get("taints") or []
    }


def _applied(taints: Taints, wanted: Sequence[Change]) -> Taints:
    after = dict(taints)
    for change in wanted:
        if not change.remove:
            after[change.key, change.effect] = change.value
            continue
        for key, effect in taints:
            if key == change.key and change.effect in {"", effect}:
                after.pop((key, effect), None)
    return after


def _spoken_of(taints: Taints, wanted: Sequence[Change]) -> Taints:
    keys = {change.key for change in wanted}
    return {where: value for where, value in taints.items() if where[0] in keys}


def shown(taints: Taints) -> list[str]:
    """As kubectl writes them, in order."""
    return sorted(
        f"{key}={value}:{effect}" if value else f"{key}:{effect}" for (key, effect), value in taints.items()
    )


def _as_json(taints: Taints) -> list[JsonObject]:
    return [
        {"key": key, "effect": effect} | ({"value": value} if value else {})
        for (key, effect), value in taints.items()
    ]


async def _thrown_out(one: Chosen, before: Taints, after: Taints, cluster: ClusterReader) -> list[str]:
    """The pods on the node that do not bear a new NoExecute taint."""
    new = [where for where in after if where[1] == "NoExecute" and after[where] != before.get(where)]
    if not new:
        return []
    pods = await cluster.resource("pods")
    name = one.object["metadata"]["name"]
    return [
        pod.key
        async for pod in cluster.list_as(Pod, pods, field_selector=f"spec.nodeName={name}")
        if not pod.finished and not all(_bears(pod.spec.tolerations, where, after[where]) for where in new)
    ]


def _bears(tolerations: Sequence[Toleration], where: TaintKey, value: str) -> bool:
    """Whether a taint is tolerated for as long as it stays."""
    lasting = [one for one in tolerations if one.toleration_seconds is None]
    return tolerates(lasting, NodeTaint(key=where[0], value=value, effect=where[1]))


def _step(one: Chosen, before: Taints, after: Taints, risk: Risk) -> Step:
    changed = {where for where in {*before, *after} if before.get(where) != after.get(where)}
    keys = {key for key, _ in changed}
    back = [
        f"{key}={before[key, effect]}:{effect}" if (key, effect) in before else f"{key}:{effect}-"
        for key, effect in sorted(changed)
    ]
    name = one.target.name
    return Step(
        id=f"taint/node:{name}",
        verb="taint",
        target=one.target,
        why="which pods may be placed or stay here is to change",
        before={"spec.taints": shown({where: value for where, value in before.items() if where[0] in keys})},
        after={"spec.taints": shown({where: value for where, value in after.items() if where[0] in keys})},
        risk=risk,
        undo={
            "action": "taint",
            "params": {"targets": [f"nodes/{name}"], "changes": back, "overwrite": True},
            "command": shlex.join(["k8sops", "taint", name, *back, "--overwrite"]),
        },
    )


def _unchanged(one: Chosen) -> Finding:
    return no_change(f"{one.target.label}: as wanted already", one.target.label)


def _overwritten(one: Chosen, before: Taints, params: TaintParams) -> list[Finding]:
    label = one.target.label
    return [
        Finding(
            level="blocker",
            code="would_overwrite",
            text=f"{label} has the taint {shown({(change.key, change.effect): before[change.key, change.effect]})[0]}",
            subjects=(label, change.key),
            override="--overwrite",
        )
        for change in params.wanted
        if not (change.remove or params.overwrite)
        and before.get((change.key, change.effect), change.value) != change.value
    ]


def _throws_out(one: Chosen, pods: Sequence[str]) -> Finding:
    label = one.target.label
    named = ", ".join(pods[:NAMED]) + (f" and {len(pods) - NAMED} more" if len(pods) > NAMED else "")
    return Finding(
        level="warning",
        code="throws_pods_out",
        text=f"{label}: {_pods(len(pods))} not tolerate it: thrown out at once, whatever budgets say: {named}",
        subjects=(label,),
    )


def _pods(count: int) -> str:
    return "1 pod does" if count == 1 else f"{count} pods do"


def _summary(params: TaintParams, steps: Sequence[Step]) -> str:
    if not steps:
        return "Nothing to do: the taints are as wanted."
    risk = riskiest(step.risk for step in steps)
    nodes = steps[0].target.label if len(steps) == 1 else f"{len(steps)} nodes"
    verdict = "Safe" if risk is Risk.LOW else "Disruptive"
    said = (f"{text.removesuffix('-')} removed" if text.endswith("-") else text for text in params.changes)
    return f"{verdict}: {nodes}: {', '.join(said)}."
