"""Edit: change objects of any kind by a JSON merge patch, having seen what the server makes of it.

A merge patch and not server-side apply: an edit removes what others set as well, which apply cannot, and takes over no
field that it does not change. What others hold by server-side apply is told, for they may set it back. Secrets are
refused: what is in a plan is on record for everybody who may read runs.
"""

from __future__ import annotations

import json
import re
import shlex
from collections.abc import Iterator, Mapping
from typing import Any, ClassVar, Final

from pydantic import field_validator

from k8sops.actions.choosing import Chosen, ChosenParams, chosen
from k8sops.actions.locked_patch import patch_locked
from k8sops.actions.planning import make_plan, no_change, resting_on, walk_steps
from k8sops.core.clock import Clock
from k8sops.core.errors import InvalidError, UsageError
from k8sops.core.journal import Journal
from k8sops.core.merge_patch import differences, inverse_patch, value_named
from k8sops.core.params import PlainText, option
from k8sops.core.plan import Finding, Forecast, JsonObject, Plan, Step
from k8sops.core.ports import Cluster, ClusterReader
from k8sops.core.risk import Risk, riskiest

MOST_BYTES: Final = 256 * 1024
SECONDS_PER_OBJECT: Final = 0.2
_SERVERS: Final = frozenset(
    {"managedFields", "resourceVersion", "generation", "uid", "creationTimestamp", "deletionTimestamp"}
)
"""Metadata that the server keeps itself."""
_IDENTITY: Final = frozenset({"apiVersion", "kind", "status"})
_NAMES: Final = frozenset({"name", "namespace", "generateName"})
_MOST_NAMED: Final = 3
_REPEATED: Final = re.compile(r'patch: Invalid value: ".*": ', re.DOTALL)


class EditParams(ChosenParams):
    """Which objects, and what to change."""

    patch: PlainText = option(
        "What to change, as a JSON merge patch (RFC 7386); null removes, a list is replaced whole.",
        metavar="JSON",
    )

    @field_validator("patch")
    @classmethod
    def _is_patch(cls, text: str) -> str:
        """Take one spelling only, so that the same edit is the same plan."""
        if len(text.encode()) > MOST_BYTES:
            raise ValueError(f"is larger than {MOST_BYTES // 1024} KiB")
        try:
            patch = json.loads(text)
        except ValueError:
            raise ValueError('is no JSON; write it as in {"spec": {"paused": true}}') from None
        if not isinstance(patch, dict) or not patch:
            raise ValueError('has to be an object that changes something, as in {"spec": {"paused": true}}')
        metadata = patch.get("metadata")
        if metadata is not None and not isinstance(metadata, dict):
            raise ValueError("has to have an object as its metadata")
        fixed = sorted((patch.keys() & _IDENTITY) | ((metadata or {}).keys() & (_SERVERS | _NAMES)))
        if fixed:
            raise ValueError(f"may not change {', '.join(fixed)}: that is not edited")
        return json.dumps(patch, sort_keys=True, separators=(",", ":"))

    @property
    def change(self) -> JsonObject:
        """The patch, a new one each time."""
        found: JsonObject = json.loads(self.patch)
        return found


class Edit:
    """Brings objects to what was edited."""

    name: ClassVar[str] = "edit"
    version: ClassVar[int] = 1

    async def plan(self, params: EditParams, cluster: ClusterReader, clock: Clock) -> Plan:
        """Ask the server what each object would become. Raises InvalidError where it would not take it."""
        objects = await chosen(params, cluster, "edited")
        steps: list[Step] = []
        findings: list[Finding] = []
        for one in objects:
            if one.resource.qualified == "secrets":
                raise UsageError(
                    f"{one.target.label} is not edited here: its values would be in the plan, for all to read",
                    hint="change it where it is made, such as in your secret store",
                )
            after = await _tried(one, params.change, cluster)
            changes = list(differences(_edited(one.object), _edited(after)))
            if not changes:
                findings.append(no_change(f"{one.target.label} is so already", one.target.label))
                continue
            steps.append(_step(one, params, changes))
            findings += _findings(one, changes)
        return make_plan(
            self,
            params,
            cluster.info,
            clock,
            summary=_summary(steps),
            steps=steps,
            findings=findings,
            requires=resting_on(steps),
            blast_radius={"objects": len(steps)},
            forecast=Forecast(seconds=SECONDS_PER_OBJECT * len(steps)),
        )

    async def apply(self, plan: Plan, cluster: Cluster, journal: Journal) -> None:
        """Write each object under its uid and resourceVersion, if what changes still is as it was planned."""
        params = EditParams.model_validate(plan.params)

        async def write(step: Step) -> str:
            return await patch_locked(
                cluster,
                await cluster.resource(step.target.kind),
                step,
                facts=lambda found: {name: value_named(found, name) for name in step.after},
                body=lambda _: params.change,
                done=f"{step.target.label} is edited",
            )

        await walk_steps(plan, journal, write)


async def _tried(one: Chosen, change: JsonObject, cluster: ClusterReader) -> JsonObject:
    body = {**change, "metadata": {"uid": one.target.uid, **(change.get("metadata") or {})}}
    try:
        return await cluster.preview_patch(one.resource, one.target.name, one.target.namespace, body=body)
    except InvalidError as error:
        # The server repeats the whole object before it says what is wrong with it.
        message = _REPEATED.sub("", error.message)
        raise InvalidError(message, hint=error.hint) from None


def _edited(found: Mapping[str, Any]) -> JsonObject:
    """An object without what the server keeps itself."""
    metadata = {key: value for key, value in found.get("metadata", {}).items() if key not in _SERVERS}
    return {**{key: value for key, value in found.items() if key not in _IDENTITY}, "metadata": metadata}


def _step(one: Chosen, params: EditParams, changes: list[tuple[str, Any, Any]]) -> Step:
    back = json.dumps(inverse_patch(params.change, one.object), sort_keys=True, separators=(",", ":"))
    namespace = one.target.namespace
    place = ["-n", namespace] if namespace else []
    return Step(
        id=f"edit/{one.path}",
        verb="edit",
        target=one.target,
        why="it was asked to be edited",
        before={name: before for name, before, _ in changes},
        after={name: after for name, _, after in changes},
        risk=_risk([name for name, _, _ in changes]),
        undo={
            "action": "edit",
            "params": {"targets": [one.argument], "patch": back}
            | ({"namespace": namespace} if namespace else {}),
            "command": shlex.join(["k8sops", "edit", one.argument, "--patch", back, *place]),
        },
    )


def _risk(names: list[str]) -> Risk:
    """What only annotates is harmless; without a finalizer or an owner an object may be gone for good."""
    if any(name.startswith(("metadata.finalizers", "metadata.ownerReferences")) for name in names):
        return Risk.DESTRUCTIVE
    return Risk.LOW if all(name.startswith("metadata.annotations") for name in names) else Risk.DISRUPTIVE


def _findings(one: Chosen, changes: list[tuple[str, Any, Any]]) -> Iterator[Finding]:
    label, names = one.target.label, [name for name, _, _ in changes]
    if any(name.startswith("spec.template.") for name in names) and one.resource.group == "apps":
        yield Finding(
            level="warning",
            code="pods_replaced",
            text=f"the pods of {label} are replaced, since their template changes",
            subjects=(label,),
        )
    for manager, held in _held_by_apply(one.object, names).items():
        more = f" and {len(held) - _MOST_NAMED} more" if len(held) > _MOST_NAMED else ""
        yield Finding(
            level="warning",
            code="managed_elsewhere",
            text=f"{manager} holds {', '.join(held[:_MOST_NAMED])}{more} of {label} by server-side apply, "
            "and may set it back",
            subjects=(label, manager),
        )


def _held_by_apply(found: Mapping[str, Any], names: list[str]) -> dict[str, list[str]]:
    """Who else holds which of these fields by server-side apply."""
    held: dict[str, list[str]] = {}
    for entry in found.get("metadata", {}).get("managedFields") or ():
        if entry.get("operation") == "Apply":
            fields = [name for name in names if _holds(entry.get("fieldsV1") or {}, found, name)]
            if fields:
                held.setdefault(str(entry.get("manager", "somebody")), []).extend(fields)
    return held


def _holds(fields: Mapping[str, Any], node: Any, name: str) -> bool:
    """Whether a set of fields (`f:NAME`, `k:{…}` for an entry of a list by its keys) has this one or what is below."""
    for key, below in fields.items():
        kind, _, told = key.partition(":")
        if kind == "f" and isinstance(node, Mapping):
            if name == told:
                return True
            rest = name[len(told) :] if name.startswith((f"{told}.", f"{told}[")) else ""
            if rest and _holds(below, node.get(told), rest.removeprefix(".")):
                return True
        elif kind == "k" and isinstance(node, list) and name.startswith("["):
            place, _, rest = name[1:].partition("]")
            wanted = json.loads(told)
            entry = node[int(place)] if int(place) < len(node) else {}
            fits = isinstance(entry, Mapping) and all(
                entry.get(one) == value for one, value in wanted.items()
            )
            if fits and (not rest or _holds(below, entry, rest.removeprefix("."))):
                return True
    return False


def _summary(steps: list[Step]) -> str:
    if not steps:
        return "Nothing to do: everything is so already."
    risk = riskiest(step.risk for step in steps)
    verdict = {Risk.LOW: "Safe", Risk.DISRUPTIVE: "Disruptive"}.get(risk, "Destructive")
    fields = list(dict.fromkeys(name for step in steps for name in step.after))
    objects = steps[0].target.label if len(steps) == 1 else f"{len(steps)} objects"
    shown = ", ".join(fields[:_MOST_NAMED])
    more = f" and {len(fields) - _MOST_NAMED} more" if len(fields) > _MOST_NAMED else ""
    changes = "changes" if len(fields) == 1 else "change"
    return f"{verdict}: {objects}: {shown}{more} {changes}."
