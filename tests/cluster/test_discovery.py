"""From what people type to the resource they mean; in doubt a question, never a guess."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest
from aiohttp import web

from k8sops.cluster.credentials import load_credentials
from k8sops.cluster.discovery import Discovery, resolve
from k8sops.cluster.discovery_fetch import Discovered
from k8sops.cluster.transport import Transport
from k8sops.core.clock import SystemClock
from k8sops.core.errors import AmbiguousKindError, UnknownKindError
from k8sops.core.ports import DiscoveryGap, Resource
from tests.support.kubeconfigs import document, write
from tests.support.local_api import LocalApi, status


def resource(plural: str, kind: str, group: str = "", version: str = "v1", **more: Any) -> Resource:
    """A namespaced resource with a singular of its kind."""
    return Resource(
        group=group,
        version=version,
        plural=plural,
        kind=kind,
        namespaced=True,
        singular=more.pop("singular", kind.lower()),
        **more,
    )


def served(*resources: Resource, gaps: Sequence[DiscoveryGap] = ()) -> Discovered:
    """What a server serves."""
    return Discovered(tuple(resources), tuple(gaps))


PODS = resource("pods", "Pod", short_names=("po",), categories=("all",))
DEPLOYMENTS = resource("deployments", "Deployment", "apps", short_names=("deploy",), categories=("all",))
EVENTS = resource("events", "Event", short_names=("ev",))
NEW_EVENTS = resource("events", "Event", "events.k8s.io", short_names=("ev",))
HPA_V2 = resource("horizontalpodautoscalers", "HorizontalPodAutoscaler", "autoscaling", "v2")
HPA_V1 = resource("horizontalpodautoscalers", "HorizontalPodAutoscaler", "autoscaling", "v1")
CERTS = resource("certs", "Cert", "acme.example", short_names=("crt",))
OTHER_CERTS = resource("certificates", "Cert", "other.example", short_names=("crt",))
KNATIVE = resource("services", "Service", "serving.knative.dev")
SERVICES = resource("services", "Service", short_names=("svc",))
ALL = served(PODS, EVENTS, SERVICES, DEPLOYMENTS, HPA_V2, HPA_V1, NEW_EVENTS, CERTS, OTHER_CERTS, KNATIVE)


@pytest.mark.parametrize(
    ("typed", "meant"),
    [
        ("pods", PODS),
        ("Pod", PODS),
        ("po", PODS),
        ("PODS", PODS),
        ("deploy", DEPLOYMENTS),
        ("deployment.apps", DEPLOYMENTS),
        ("deployments.v1.apps", DEPLOYMENTS),
        ("pods.v1", PODS),
        ("events", EVENTS),
        ("ev", EVENTS),
        ("events.events.k8s.io", NEW_EVENTS),
        ("horizontalpodautoscalers", HPA_V2),
        ("horizontalpodautoscalers.autoscaling", HPA_V2),
        ("horizontalpodautoscalers.v1.autoscaling", HPA_V1),
        ("certs", CERTS),
        ("crt.other.example", OTHER_CERTS),
        ("services", SERVICES),
        ("services.serving.knative.dev", KNATIVE),
    ],
)
def test_a_kind_is_understood_as_people_type_it(typed: str, meant: Resource) -> None:
    """Plural, singular, kind, short name, with group or version; Kubernetes' own kinds before extensions."""
    assert resolve(typed, ALL) == meant


@pytest.mark.parametrize("typed", ["crt", "cert"])
def test_a_name_two_extensions_share_is_asked_back(typed: str) -> None:
    """Acting on the wrong kind is worse than asking; the answer lists what can be typed instead."""
    with pytest.raises(AmbiguousKindError) as caught:
        resolve(typed, ALL)
    assert "certificates.other.example or certs.acme.example" in caught.value.message


def test_an_unknown_kind_suggests_near_ones_and_says_what_is_not_known() -> None:
    """A kind missing because its server is down is unknown, not absent."""
    gap = DiscoveryGap(group_version="metrics.k8s.io/v1beta1", message="stale")
    with pytest.raises(UnknownKindError) as caught:
        resolve("deploymnet", served(PODS, DEPLOYMENTS, gaps=[gap]))
    assert "did you mean deployments?" in caught.value.hint
    assert "metrics.k8s.io/v1beta1" in caught.value.hint


def test_a_category_is_explained() -> None:
    """`all` is no kind, but what it stands for is known."""
    with pytest.raises(UnknownKindError, match="'all' is a category") as caught:
        resolve("all", ALL)
    assert "deployments, pods" in caught.value.hint


def test_a_kind_with_control_characters_cannot_reach_the_terminal() -> None:
    """It would be shown in the error message."""
    with pytest.raises(UnknownKindError) as caught:
        resolve("po\x1b[2J", ALL)
    assert caught.value.message.isprintable()


DEPLOYMENTS_ENTRY = {
    "resource": "deployments",
    "responseKind": {"group": "apps", "version": "v1", "kind": "Deployment"},
    "scope": "Namespaced",
    "singularResource": "deployment",
    "verbs": ["get", "list"],
    "shortNames": ["deploy"],
    "categories": ["all"],
    "subresources": [{"subresource": "scale", "verbs": ["get"]}],
}
AGGREGATED: dict[str, Any] = {
    "/api": {"kind": "APIGroupDiscoveryList", "items": []},
    "/apis": {
        "kind": "APIGroupDiscoveryList",
        "items": [
            {"metadata": {"name": "apps"}, "versions": [{"version": "v1", "resources": [DEPLOYMENTS_ENTRY]}]},
            {
                "metadata": {"name": "metrics.k8s.io"},
                "versions": [{"version": "v1beta1", "freshness": "Stale"}],
            },
        ],
    },
}
LEGACY: dict[str, Any] = {
    "/api": {"kind": "APIVersions", "versions": ["v1"]},
    "/apis": {
        "kind": "APIGroupList",
        "groups": [
            {"name": "apps", "versions": [{"groupVersion": "apps/v1", "version": "v1"}]},
            {"name": "metrics.k8s.io", "versions": [{"groupVersion": "metrics.k8s.io/v1beta1"}]},
        ],
    },
    "/api/v1": {"kind": "APIResourceList", "resources": []},
    "/apis/apps/v1": {
        "kind": "APIResourceList",
        "resources": [
            {
                "name": "deployments",
                "kind": "Deployment",
                "namespaced": True,
                "singularName": "deployment",
                "verbs": ["get", "list"],
                "shortNames": ["deploy"],
                "categories": ["all"],
            },
            {"name": "deployments/scale", "kind": "Scale", "namespaced": True, "verbs": ["get"]},
        ],
    },
}


@pytest.mark.parametrize("answers", [AGGREGATED, LEGACY], ids=["aggregated", "legacy"])
async def test_both_forms_of_discovery_tell_the_same_and_report_the_same_gap(
    answers: dict[str, Any], tmp_path: Path
) -> None:
    """Servers before 1.26 know only the old form; a group that does not answer is reported, never dropped."""

    async def handle(request: web.Request) -> web.StreamResponse:
        if request.path in answers:
            return web.json_response(answers[request.path])
        return web.Response(status=404, body=status(404, "NotFound", "the server is currently unable"))

    async with LocalApi(handle) as api:
        config = write(tmp_path / "config", document(api.url))
        transport = Transport(await load_credentials(kubeconfig=[config]))
        discovery = Discovery(transport, SystemClock())
        found = await discovery.resource("deploy")
        gaps = await discovery.gaps()
        await transport.aclose()
    assert found == Resource(
        group="apps",
        version="v1",
        plural="deployments",
        kind="Deployment",
        namespaced=True,
        singular="deployment",
        short_names=("deploy",),
        categories=("all",),
        verbs=("get", "list"),
        subresources=("scale",),
    )
    assert [gap.group_version for gap in gaps] == ["metrics.k8s.io/v1beta1"]
