"""Edit: server-side apply of the fields that change and no others, having seen what the server makes of it.

Apply is tried against the edit itself, both by dry run: where it cannot say what was meant (it removes no field that
somebody else holds, and sorts no list), the same edit goes as one merge patch, and the plan says so. One request in any
case: two would roll a workload out twice, and the state between them need not be valid. Whoever holds a field is named
before it is taken over; a holder that comes later is drift. Secrets are refused: plans are on record for many to read.
"""

from __future__ import annotations

import json
import re
import shlex
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, ClassVar, Final

from pydantic import field_validator

from k8sops.actions.choosing import Chosen, ChosenParams, chosen
from k8sops.actions.locked_patch import CONFLICT_TRIES, patch_locked
from k8sops.actions.objects.apply_body import apply_body
from k8sops.actions.objects.field_owners import holders
from k8sops.actions.planning import make_plan, no_change, resting_on, walk_steps
from k8sops.core.clock import Clock
from k8sops.core.errors import ConflictError, DriftedError, InvalidError, ServerError, UsageError
from k8sops.core.journal import Journal
from k8sops.core.merge_patch import differences, inverse_patch, patched, value_named
from k8sops.core.params import PlainText, option
from k8sops.core.plan import Finding, Forecast, JsonObject, Plan, Step
from k8sops.core.ports import Cluster, ClusterReader, Resource
from k8sops.core.risk import Risk, riskiest

FIELD_MANAGER: Final = "k8sops-edit"
OURS: Final = frozenset({FIELD_MANAGER, "k8sops"})
"""Managers of this program: an edit takes from them without a word."""
AS_PATCH: Final = "sent_as_patch"
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
        at_terminal=True,
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
        for named in objects:
            if named.resource.qualified == "secrets":
                raise UsageError(
                    f"{named.target.label} is not edited here: its values would be in the plan, for all to read",
                    hint="change it where it is made, such as in your secret store",
                )
            one, after, can_be_applied = await _tried(named, params.change, cluster)
            changes = list(differences(_edited(one.object), _edited(after)))
            if not changes:
                findings.append(no_change(f"{one.target.label} is so already", one.target.label))
                continue
            steps.append(_step(one, params, changes))
            findings += _findings(one, changes)
            if not can_be_applied:
                findings.append(_as_patch(one))
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
        change = EditParams.model_validate(plan.params).change

        async def write(step: Step) -> str:
            return await _write(plan, step, change, cluster)

        await walk_steps(plan, journal, write)


async def _write(plan: Plan, step: Step, change: JsonObject, cluster: Cluster) -> str:
    resource = await cluster.resource(step.target.kind)
    label = step.target.label
    named = {
        one.subjects[1] for one in plan.findings if one.subjects[:1] == (label,) and len(one.subjects) > 1
    }

    def facts(found: JsonObject) -> JsonObject:
        return {name: value_named(found, name) for name in step.after}

    def body(found: JsonObject) -> JsonObject:
        for holding in holders(found, list(step.after), ours=OURS):
            if holding.manager not in named:
                raise DriftedError(
                    f"{holding.manager} took {_few(holding.fields)} of {label} since the plan was made",
                    hint="plan again",
                )
        return json.loads(json.dumps(change)) if as_patch else _applied(resource, found, change)

    async def send(body: JsonObject) -> None:
        # Others are in the way only where the plan has named them, and the resourceVersion keeps it so.
        tried = await cluster.preview_apply(resource, body, field_manager=FIELD_MANAGER, force=True)
        if facts(tried) != step.after:
            raise DriftedError(f"the server would make something else of {label} by now", hint="plan again")
        await cluster.apply(resource, body, field_manager=FIELD_MANAGER, force=True)

    as_patch = any(one.code == AS_PATCH and one.subjects == (label,) for one in plan.findings)
    return await patch_locked(
        cluster,
        resource,
        step,
        facts=facts,
        body=body,
        done=f"{label} is edited",
        send=None if as_patch else send,
    )


def _applied(resource: Resource, found: JsonObject, change: JsonObject) -> JsonObject:
    """What is applied to bring an object to what was edited."""
    present = _edited(found)
    body = apply_body(found, present, patched(present, change), manager=FIELD_MANAGER)
    metadata = {
        key: found["metadata"][key] for key in ("name", "namespace", "uid") if key in found["metadata"]
    }
    return {
        "apiVersion": resource.api_version,
        "kind": resource.kind,
        **body,
        "metadata": {**body.get("metadata", {}), **metadata},
    }


async def _tried(one: Chosen, change: JsonObject, cluster: ClusterReader) -> tuple[Chosen, JsonObject, bool]:
    """The object, what the server would make of it, and whether apply can say so: all of one resourceVersion.

    What a controller writes between two of these requests would otherwise look like a part of the edit.
    """
    for _ in range(CONFLICT_TRIES):
        try:
            after = await _patched(one, change, cluster)
            return one, after, await _can_be_applied(one, change, after, cluster)
        except ConflictError:
            found = await cluster.get(one.resource, one.target.name, one.target.namespace)
            one = Chosen(resource=one.resource, object=found)
    raise ConflictError(
        f"{one.target.label} was changed by others {CONFLICT_TRIES} times in a row while it was looked at",
        hint="run the command again",
    )


async def _can_be_applied(one: Chosen, change: JsonObject, after: JsonObject, cluster: ClusterReader) -> bool:
    """Whether apply makes the same of it as the edit itself."""
    body = _applied(one.resource, one.object, change)
    body["metadata"] |= _lock(one)
    try:
        tried = await cluster.preview_apply(one.resource, body, field_manager=FIELD_MANAGER, force=True)
    except (InvalidError, ServerError):
        # The edit itself is one that the server takes: it is apply that cannot say it.
        return False
    return _edited(tried) == _edited(after)


async def _patched(one: Chosen, change: JsonObject, cluster: ClusterReader) -> JsonObject:
    body = {**change, "metadata": (change.get("metadata") or {}) | _lock(one)}
    try:
        return await cluster.preview_patch(one.resource, one.target.name, one.target.namespace, body=body)
    except InvalidError as error:
        # The server repeats the whole object before it says what is wrong with it.
        message = _REPEATED.sub("", error.message)
        raise InvalidError(message, hint=error.hint) from None


def _lock(one: Chosen) -> JsonObject:
    return {key: one.object["metadata"][key] for key in ("uid", "resourceVersion")}


def _as_patch(one: Chosen) -> Finding:
    return Finding(
        level="note",
        code=AS_PATCH,
        text=f"{one.target.label} is changed by a merge patch: server-side apply removes nothing that somebody else "
        "holds, and sorts no list",
        subjects=(one.target.label,),
    )


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
    for holding in holders(one.object, names, ours=OURS):
        fields, them = _few(holding.fields), "it" if len(holding.fields) == 1 else "them"
        back = f", and it may set {them} back" if holding.returns else ""
        yield Finding(
            level="warning" if holding.returns else "note",
            code="managed_elsewhere" if holding.returns else "taken_over",
            text=f"{holding.manager} holds {fields} of {label}: the edit takes {them} over{back}",
            subjects=(label, holding.manager),
        )


def _few(names: Sequence[str]) -> str:
    more = f" and {len(names) - _MOST_NAMED} more" if len(names) > _MOST_NAMED else ""
    return f"{', '.join(names[:_MOST_NAMED])}{more}"


def _summary(steps: list[Step]) -> str:
    if not steps:
        return "Nothing to do: everything is so already."
    risk = riskiest(step.risk for step in steps)
    verdict = {Risk.LOW: "Safe", Risk.DISRUPTIVE: "Disruptive"}.get(risk, "Destructive")
    fields = list(dict.fromkeys(name for step in steps for name in step.after))
    objects = steps[0].target.label if len(steps) == 1 else f"{len(steps)} objects"
    changes = "changes" if len(fields) == 1 else "change"
    return f"{verdict}: {objects}: {_few(fields)} {changes}."
