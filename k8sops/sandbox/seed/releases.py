"""The company's Helm releases: revisions as Helm 3 itself would have kept them, though no Helm ever ran.

Written by hand in `releases.yaml`; a manifest holds the company's own objects. Times count back from when the company
came to be on this cluster, so that the same seed writes the same bytes again.
Source: Helm's storage driver `secret`: a gzip of JSON in base64, as data of a Secret in base64 once more.
"""

from __future__ import annotations

import base64
import copy
import gzip
import json
from collections.abc import Iterator, Mapping
from datetime import datetime, timedelta
from typing import Any, Final

import msgspec
import yaml

from k8sops.core.clock import rfc3339

JsonObject = dict[str, Any]

RELEASES_FILE: Final = "releases.yaml"
TYPE: Final = "helm.sh/release.v1"
NEVER: Final = "0001-01-01T00:00:00Z"
"""How Helm writes that a hook has not run."""
PLAY: Final = "sandbox.k8sops.dev/play"


class HookNote(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A hook of `releases.yaml`."""

    events: tuple[str, ...]
    object: JsonObject
    weight: int = 0
    ran: bool = False


class RevisionNote(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A revision of `releases.yaml`."""

    status: str
    description: str
    hours_ago: float
    chart_version: str
    tag: str
    values: JsonObject


class ReleaseNote(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A document of `releases.yaml`."""

    name: str
    namespace: str
    chart: JsonObject
    objects: tuple[str, ...]
    notes: str
    hooks: tuple[HookNote, ...]
    revisions: tuple[RevisionNote, ...]


class Revision(msgspec.Struct, frozen=True):
    """One revision of a release."""

    release: ReleaseNote
    number: int
    manifest: str

    @property
    def secret_name(self) -> str:
        """What Helm calls its Secret."""
        return f"sh.helm.release.v1.{self.release.name}.v{self.number}"

    @property
    def note(self) -> RevisionNote:
        """What is written of it."""
        return self.release.revisions[self.number - 1]

    def secret(self, since: datetime) -> JsonObject:
        """Its Secret, on a cluster where the company has been `since` then."""
        release, note = self.release, self.note
        first, last = (since - timedelta(hours=one.hours_ago) for one in (release.revisions[0], note))
        chart = release.chart | {
            "metadata": release.chart["metadata"] | {"version": note.chart_version, "appVersion": note.tag}
        }
        body = {
            "name": release.name,
            "namespace": release.namespace,
            "version": self.number,
            "info": {
                "first_deployed": rfc3339(first),
                "last_deployed": rfc3339(last),
                "deleted": "",
                "description": note.description,
                "status": note.status,
                "notes": release.notes.replace("{tag}", note.tag),
            },
            "chart": chart,
            "config": {"image": {"tag": note.tag}} | note.values,
            "manifest": self.manifest,
            "hooks": [_hook(release, one, last) for one in release.hooks],
        }
        packed = base64.b64encode(gzip.compress(json.dumps(body).encode(), mtime=0))
        labels = {
            "owner": "helm",
            "name": release.name,
            "status": note.status,
            "version": str(self.number),
            "createdAt": str(int(last.timestamp())),
        }
        return {
            "apiVersion": "v1",
            "kind": "Secret",
            "type": TYPE,
            "metadata": {"name": self.secret_name, "namespace": release.namespace, "labels": labels},
            "data": {"release": base64.b64encode(packed).decode()},
        }


def revisions_of(document: object, company: Mapping[str, JsonObject]) -> Iterator[Revision]:
    """The revisions of one release; `company` has the objects' bodies by `Kind namespace/name`.

    Raises msgspec.ValidationError for a document that is no release, KeyError for an object the company lacks.
    """
    release = msgspec.convert(document, ReleaseNote)
    for number, note in enumerate(release.revisions, start=1):
        texts = []
        for title in release.objects:
            kind, name = title.split()
            body = _with_tag(company[f"{kind} {release.namespace}/{name}"], note.tag)
            texts.append(f"---\n# Source: {release.name}/templates/{kind.lower()}.yaml\n{_yaml(body)}")
        yield Revision(release, number, "".join(texts))


def _with_tag(body: JsonObject, tag: str) -> JsonObject:
    """A Deployment with the image of a revision; what goes wrong with the newest one was not so with others."""
    if body["kind"] != "Deployment":
        return body
    changed = copy.deepcopy(body)
    template = changed["spec"]["template"]
    container = template["spec"]["containers"][0]
    image, _, newest = container["image"].rpartition(":")
    container["image"] = f"{image}:{tag}"
    if tag != newest:
        template["metadata"]["annotations"].pop(PLAY, None)
    return changed


def _hook(release: ReleaseNote, note: HookNote, at: datetime) -> JsonObject:
    began, ended = (
        (rfc3339(at + timedelta(seconds=later)) for later in (1, 7)) if note.ran else (NEVER, NEVER)
    )
    kind, name = note.object["kind"], note.object["metadata"]["name"]
    return {
        "name": name,
        "kind": kind,
        "path": f"{release.name}/templates/{name}.yaml",
        "manifest": _yaml(note.object),
        "events": list(note.events),
        "weight": note.weight,
        "delete_policies": ["before-hook-creation"],
        "last_run": {
            "started_at": began,
            "completed_at": ended,
            "phase": "Succeeded" if note.ran else "",
        },
    }


def _yaml(body: JsonObject) -> str:
    return yaml.safe_dump(body, sort_keys=False)
