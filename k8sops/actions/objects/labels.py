"""Label and annotate: set and remove keys of `metadata.labels` or `metadata.annotations`, each with its way back.

A value that is there already is not overwritten unless `--overwrite` says so. Taking a label from a pod or giving it
another can take the pod out of its ReplicaSet or Service; that is found and said, since it changes what runs.
"""

from __future__ import annotations

import re
import shlex
from collections.abc import Sequence
from typing import Any, ClassVar, Final

from pydantic import model_validator

from k8sops.actions.choosing import Chosen, ChosenParams, chosen, words_apart
from k8sops.actions.locked_patch import patch_locked
from k8sops.actions.planning import make_plan, no_change, resting_on, walk_steps
from k8sops.core.clock import Clock
from k8sops.core.journal import Journal
from k8sops.core.params import PlainText, option
from k8sops.core.plan import Finding, Forecast, JsonObject, Plan, Step
from k8sops.core.ports import Cluster, ClusterReader
from k8sops.core.risk import Risk, riskiest

KEY: Final = re.compile(
    r"(?:(?=.{1,253}/)[a-z0-9](?:[a-z0-9.-]*[a-z0-9])?/)?[A-Za-z0-9](?:[A-Za-z0-9_.-]{0,61}[A-Za-z0-9])?"
)
"""Qualified names, kubernetes.io "Labels and Selectors", Syntax and character set."""
LABEL_VALUE: Final = re.compile(r"(?:[A-Za-z0-9](?:[A-Za-z0-9_.-]{0,61}[A-Za-z0-9])?)?")
SECONDS_PER_OBJECT: Final = 0.1


class LabelParams(ChosenParams):
    """Which objects, and which labels."""

    changes: tuple[str, ...] = option(
        "KEY=VALUE sets, KEY- removes; they may also follow the objects without a flag.",
        metavar="KEY=VALUE|KEY-",
        default=(),
    )
    overwrite: bool = option("Replace values that are there already.", default=False)

    @model_validator(mode="before")
    @classmethod
    def _split(cls, given: Any) -> Any:
        """Take what follows the objects for changes: `label pod/web tier=gold old-`."""
        return words_apart(given, "changes", _is_change)

    @model_validator(mode="after")
    def _well_formed(self) -> LabelParams:
        if not self.changes:
            raise ValueError("say what to set or remove: KEY=VALUE sets, KEY- removes")
        keys = [_key_of(change) for change in self.changes]
        for change, key in zip(self.changes, keys, strict=True):
            if not KEY.fullmatch(key):
                raise ValueError(
                    f"{change!r} has no valid key: letters, digits, '-', '_', '.', and a DNS prefix"
                )
            if keys.count(key) > 1:
                raise ValueError(f"{key!r} is given twice")
        return self

    @property
    def wanted(self) -> dict[str, str | None]:
        """The new value by key; None removes."""
        return {
            _key_of(change): change.split("=", 1)[1] if "=" in change else None for change in self.changes
        }


class LabelOnlyParams(LabelParams):
    """Which objects, and which labels."""

    @model_validator(mode="after")
    def _short_values(self) -> LabelOnlyParams:
        for key, value in self.wanted.items():
            if value is not None and not LABEL_VALUE.fullmatch(value):
                raise ValueError(
                    f"the value of {key!r} is no label value: at most 63 letters, digits, '-', '_', '.'"
                )
        return self


class AnnotateParams(LabelParams):
    """Which objects, and which annotations."""

    changes: tuple[PlainText, ...] = option(
        "KEY=VALUE sets, KEY- removes; they may also follow the objects without a flag.",
        metavar="KEY=VALUE|KEY-",
        default=(),
    )


def _is_change(word: str) -> bool:
    return "=" in word or word.endswith("-")


def _key_of(change: str) -> str:
    return change.split("=", 1)[0] if "=" in change else change.removesuffix("-")


class _SetMetadata:
    name: ClassVar[str]
    version: ClassVar[int] = 1
    field: ClassVar[str]
    noun: ClassVar[str]

    async def plan(self, params: LabelParams, cluster: ClusterReader, clock: Clock) -> Plan:
        """Compare what is there with what is wanted; nothing is read but the objects and what selects them."""
        objects = await chosen(params, cluster, "labelled" if self.name == "label" else "annotated")
        wanted = params.wanted
        changing = [one for one in objects if self._differs(one, wanted)]
        findings = [self._unchanged(one) for one in objects if one not in changing]
        selecting = await self._selecting(changing, cluster)
        steps = []
        for one in changing:
            leaving = [
                found for owner, selector in selecting if (found := _leaving(one, owner, selector, wanted))
            ]
            findings += [*self._overwritten(one, wanted, params), *leaving]
            steps.append(self._step(one, wanted, Risk.DISRUPTIVE if leaving else Risk.LOW))
        return make_plan(
            self,
            params,
            cluster.info,
            clock,
            summary=self._summary(changing, wanted, riskiest(step.risk for step in steps)),
            steps=steps,
            findings=findings,
            requires=resting_on(steps),
            blast_radius={"objects": len(steps)},
            forecast=Forecast(seconds=SECONDS_PER_OBJECT * len(steps)),
        )

    async def apply(self, plan: Plan, cluster: Cluster, journal: Journal) -> None:
        """Write each object under its uid and resourceVersion."""

        async def write(step: Step) -> str:
            resource = await cluster.resource(step.target.kind)
            prefix = f"metadata.{self.field}."
            keys = {fact.removeprefix(prefix): value for fact, value in step.after.items()}

            def facts(found: JsonObject) -> JsonObject:
                present = found["metadata"].get(self.field) or {}
                return {f"{prefix}{key}": present.get(key) for key in keys}

            return await patch_locked(
                cluster,
                resource,
                step,
                facts=facts,
                body=lambda _: {"metadata": {self.field: keys}},
                done=f"{step.target.label} has its {self.noun}s",
            )

        await walk_steps(plan, journal, write)

    def _present(self, one: Chosen) -> dict[str, str]:
        found: dict[str, str] = one.object["metadata"].get(self.field) or {}
        return found

    def _differs(self, one: Chosen, wanted: dict[str, str | None]) -> bool:
        present = self._present(one)
        return any(present.get(key) != value for key, value in wanted.items())

    def _unchanged(self, one: Chosen) -> Finding:
        label = one.target.label
        return no_change(f"{label} has its {self.noun}s already", label)

    def _overwritten(self, one: Chosen, wanted: dict[str, str | None], params: LabelParams) -> list[Finding]:
        if params.overwrite:
            return []
        present = self._present(one)
        label = one.target.label
        return [
            Finding(
                level="blocker",
                code="would_overwrite",
                text=f"{label} has the {self.noun} {key}={present[key]} already",
                subjects=(label, key),
                override="--overwrite",
            )
            for key, value in wanted.items()
            if value is not None and key in present and present[key] != value
        ]

    async def _selecting(
        self, changing: Sequence[Chosen], cluster: ClusterReader
    ) -> list[tuple[str, dict[str, str]]]:
        """What selects pods by their labels, with its selector. Annotations select nothing."""
        del changing, cluster
        return []

    def _step(self, one: Chosen, wanted: dict[str, str | None], risk: Risk) -> Step:
        present = self._present(one)
        changed = {key: value for key, value in wanted.items() if present.get(key) != value}
        back = [f"{key}={present[key]}" if key in present else f"{key}-" for key in changed]
        namespace = one.target.namespace
        command = ["k8sops", self.name, one.argument, *back, "--overwrite"]
        return Step(
            id=f"{self.name}/{one.path}",
            verb=self.name,
            target=one.target,
            why=f"its {self.noun}s were asked to be changed",
            before={f"metadata.{self.field}.{key}": present.get(key) for key in changed},
            after={f"metadata.{self.field}.{key}": value for key, value in changed.items()},
            risk=risk,
            undo={
                "action": self.name,
                "params": {"targets": [one.argument], "changes": back, "overwrite": True}
                | ({"namespace": namespace} if namespace else {}),
                "command": shlex.join([*command, *(["-n", namespace] if namespace else [])]),
            },
        )

    def _summary(self, changing: list[Chosen], wanted: dict[str, str | None], risk: Risk) -> str:
        if not changing:
            return f"Nothing to do: every {self.noun} is as wanted."
        what = ", ".join(
            f"{key}={value}" if value is not None else f"{key} removed" for key, value in wanted.items()
        )
        objects = changing[0].target.label if len(changing) == 1 else f"{len(changing)} objects"
        verdict = "Safe" if risk.rank <= Risk.LOW.rank else "Disruptive"
        return f"{verdict}: {objects}: {what}."


class Label(_SetMetadata):
    """Sets and removes labels."""

    name = "label"
    field = "labels"
    noun = "label"

    async def _selecting(
        self, changing: Sequence[Chosen], cluster: ClusterReader
    ) -> list[tuple[str, dict[str, str]]]:
        pods = [one.target for one in changing if one.resource.qualified == "pods"]
        found = []
        for namespace in sorted({pod.namespace for pod in pods}):
            for kind in ("replicasets.apps", "statefulsets.apps", "services"):
                resource = await cluster.resource(kind)
                found += [
                    (f"{resource.kind} {other['metadata']['name']}", _equality_of(other))
                    async for other in cluster.list(resource, namespace)
                ]
        return found


class Annotate(_SetMetadata):
    """Sets and removes annotations."""

    name = "annotate"
    field = "annotations"
    noun = "annotation"


def _equality_of(selecting: JsonObject) -> dict[str, str]:
    selector: dict[str, Any] = selecting.get("spec", {}).get("selector") or {}
    found: dict[str, str] = selector.get("matchLabels", {}) if "matchLabels" in selector else selector
    return found


def _leaving(
    one: Chosen, owner: str, selector: dict[str, str], wanted: dict[str, str | None]
) -> Finding | None:
    present: dict[str, str] = one.object["metadata"].get("labels") or {}
    lost = [key for key in selector if key in wanted and wanted[key] != selector[key]]
    if not lost or any(present.get(key) != value for key, value in selector.items()):
        return None
    label = one.target.label
    return Finding(
        level="warning",
        code="leaves_selector",
        text=f"{owner} selects {label} by {lost[0]}: it will no longer be among its pods",
        subjects=(label, owner),
    )
