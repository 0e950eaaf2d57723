"""Set the image of containers in a pod template, and wait for the rollout; the way back are the images that were."""

from __future__ import annotations

from typing import Any, ClassVar

from pydantic import model_validator

from k8sops.actions.choosing import Chosen, words_apart
from k8sops.actions.planning import make_plan, no_change
from k8sops.actions.rollouts.templates import template_hash
from k8sops.actions.rollouts.workloads import (
    TEMPLATE,
    WorkloadParams,
    back,
    hindrances,
    pods_of,
    requirement,
    roll_out,
    workloads,
    write_template,
)
from k8sops.core.clock import Clock
from k8sops.core.errors import UsageError
from k8sops.core.journal import Journal
from k8sops.core.params import PlainText, option
from k8sops.core.plan import Finding, Forecast, JsonObject, Plan, Step
from k8sops.core.ports import Cluster, ClusterReader
from k8sops.core.risk import Risk

LISTS = ("containers", "initContainers")


class SetImageParams(WorkloadParams):
    """Which workloads, and which images."""

    images: tuple[PlainText, ...] = option(
        "CONTAINER=IMAGE, or *=IMAGE for all; may also follow the workloads without a flag.",
        metavar="CONTAINER=IMAGE",
        default=(),
    )

    @model_validator(mode="before")
    @classmethod
    def _split(cls, given: Any) -> Any:
        return words_apart(given, "images", lambda word: "=" in word)

    @model_validator(mode="after")
    def _well_formed(self) -> SetImageParams:
        if not self.images:
            raise ValueError("say which image: CONTAINER=IMAGE")
        for text in self.images:
            container, _, image = text.partition("=")
            if not container or not image or " " in image:
                raise ValueError(f"{text!r} should be CONTAINER=IMAGE")
        return self

    @property
    def wanted(self) -> dict[str, str]:
        """Image by container."""
        return dict(text.split("=", 1) for text in self.images)


class SetImage:
    """Sets images in pod templates."""

    name: ClassVar[str] = "set-image"
    version: ClassVar[int] = 1

    async def plan(self, params: SetImageParams, cluster: ClusterReader, clock: Clock) -> Plan:
        """Compare images. Raises UsageError where no container has the name."""
        found = await workloads(params, cluster, "changed")
        steps, findings = [], []
        for one in found:
            present = _images(one.object)
            wanted = _expanded(one, present, params.wanted)
            if changed := {where: image for where, image in wanted.items() if present[where] != image}:
                steps.append(_step(one, present, changed))
                findings += [*hindrances(one), *_floating(one, changed)]
            else:
                label = one.target.label
                findings.append(no_change(f"{label} has the images already", label))
        changing = [one for one in found if any(step.target == one.target for step in steps)]
        pods = sum(pods_of(one) for one in changing)
        return make_plan(
            self,
            params,
            cluster.info,
            clock,
            summary=_summary(steps, pods),
            steps=steps,
            findings=findings,
            requires=[requirement(one) for one in changing],
            blast_radius={"workloads": len(steps), "pods": pods},
            forecast=Forecast(limited_by="how fast images are pulled and pods start"),
        )

    async def apply(self, plan: Plan, cluster: Cluster, journal: Journal) -> None:
        """Write the images by container name, and wait for the rollouts."""

        async def write(step: Step) -> str:
            images = {key: value for key, value in step.after.items() if key != TEMPLATE}
            spec: dict[str, list[JsonObject]] = {}
            for where, image in images.items():
                kind, _, name = where.partition("/")
                spec.setdefault(kind, []).append({"name": name, "image": image})
            body = {"spec": {"template": {"spec": spec}}}

            def stands(found: JsonObject) -> bool:
                present = _images(found)
                return all(present.get(where) == image for where, image in images.items())

            return await write_template(
                cluster, step, body, stands=stands, done=f"{step.target.label} has its new images"
            )

        await roll_out(plan, cluster, journal, write)


def _images(workload: JsonObject) -> dict[str, str]:
    """Image by `containers/NAME` or `initContainers/NAME`."""
    spec: dict[str, Any] = workload["spec"]["template"]["spec"]
    return {
        f"{kind}/{one['name']}": str(one.get("image", "")) for kind in LISTS for one in spec.get(kind) or []
    }


def _expanded(one: Chosen, present: dict[str, str], wanted: dict[str, str]) -> dict[str, str]:
    names = {where.split("/", 1)[1]: where for where in reversed(list(present))}
    if "*" in wanted:
        return dict.fromkeys((where for where in present if where.startswith("containers/")), wanted["*"])
    unknown = [name for name in wanted if name not in names]
    if unknown:
        raise UsageError(
            f"{one.target.label} has no container {', '.join(unknown)}; nothing was changed",
            hint=f"its containers: {', '.join(names)}",
        )
    return {names[name]: image for name, image in wanted.items()}


def _step(one: Chosen, present: dict[str, str], changed: dict[str, str]) -> Step:
    old = [f"{where.split('/', 1)[1]}={present[where]}" for where in changed]
    return Step(
        id=f"set-image/{one.path}",
        verb="set-image",
        target=one.target,
        why="another image was asked for; its pods are replaced",
        before={where: present[where] for where in changed} | {TEMPLATE: template_hash(one.object)},
        after={**changed, TEMPLATE: "the same, with these images"},
        risk=Risk.DISRUPTIVE,
        undo=back("set-image", one, {"images": old}, *old),
    )


def _floating(one: Chosen, changed: dict[str, str]) -> list[Finding]:
    """A tag that moves means that pods started later may run something else (kubernetes.io, Images)."""
    label = one.target.label
    return [
        Finding(
            level="warning",
            code="floating_tag",
            text=f"{label}: {image} names no fixed version, so it may mean another image tomorrow",
            subjects=(label, where),
        )
        for where, image in changed.items()
        if "@" not in image and image.rsplit("/", 1)[-1].partition(":")[2] in {"", "latest"}
    ]


def _summary(steps: list[Step], pods: int) -> str:
    if not steps:
        return "Nothing to do: the images are as wanted."
    if len(steps) > 1:
        return f"Disruptive: {len(steps)} workloads get new images; {pods} pods are replaced."
    (step,) = steps
    images = ", ".join(
        f"{step.before[where]} → {image}" for where, image in step.after.items() if where != TEMPLATE
    )
    return f"Disruptive: {step.target.label}: {images}; {pods} pods are replaced."
