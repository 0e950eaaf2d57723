"""Access reviews and roles from the verbs that actions declare."""

from __future__ import annotations

import msgspec
import pytest
import yaml

from k8sops.core.plan import Plan
from k8sops.core.ports import AccessRequest
from k8sops.policy.access import access_needed
from k8sops.policy.rbac import least_roles, roles_yaml
from tests.policy.cases import plan, step


class Verb(msgspec.Struct, frozen=True):
    """As the registry declares them."""

    verb: str
    resource: str
    group: str = ""
    where_planned: bool = False


SCALE = (Verb("get", "*", "*"), Verb("update", "*/scale", "*"), Verb("list", "pods"), Verb("patch", "nodes"))
NODE = plan(step(namespace="", name="n1", kind="nodes"))


def asked(verb: str, resource: str, **fields: str) -> AccessRequest:
    """A question."""
    return AccessRequest(verb=verb, resource=resource, **fields)


def test_only_what_a_plan_touches_is_asked_about() -> None:
    """Somebody who may scale in shop alone must not be refused for want of the whole cluster."""
    found = access_needed(SCALE, plan(step(), step(name="db", kind="statefulsets.apps", namespace="data")))
    web = {"group": "apps", "namespace": "shop", "name": "web"}
    db = {"group": "apps", "namespace": "data", "name": "db"}
    assert found == (
        asked("get", "deployments", **web),
        asked("get", "statefulsets", **db),
        asked("update", "deployments", subresource="scale", **web),
        asked("update", "statefulsets", subresource="scale", **db),
        asked("list", "pods", namespace="data"),
        asked("list", "pods", namespace="shop"),
        asked("patch", "nodes"),
    )


@pytest.mark.parametrize(
    ("touched", "namespaces"),
    [
        (NODE, [""]),
        (plan(step(), attachments=("0" * 64,)), [""]),
        (plan(step(), attachments=("0" * 64,), blast_radius={"namespaces": ["b", "a"]}), ["a", "b"]),
        (plan(params={"namespace": "shop"}), ["shop"]),
        (
            plan(params={"namespace": "shop", "targets": ["payments/pod/a", "data/pod/b"]}),
            ["data", "payments"],
        ),
        (plan(params={}), [""]),
    ],
)
def test_what_a_plan_does_not_tell_is_asked_for_everywhere(touched: Plan, namespaces: list[str]) -> None:
    """The other way round, somebody without the right would find out in the middle of the run."""
    found = access_needed([Verb("list", "pods")], touched)
    assert [request.namespace for request in found] == namespaces


def test_an_object_without_a_namespace_is_asked_about_by_its_name() -> None:
    """A role can name a node."""
    assert access_needed([Verb("patch", "nodes")], NODE) == (asked("patch", "nodes", name="n1"),)


def test_the_least_roles_name_kinds_and_never_everything() -> None:
    """`get *` would give away every Secret."""
    manifests = least_roles("scaler", SCALE, namespaces=("shop", "data"))
    text = roles_yaml(manifests)
    assert "'*'" not in text
    documents = list(yaml.safe_load_all(text))
    assert [(one["kind"], one["metadata"].get("namespace")) for one in documents] == [
        ("ClusterRole", None),
        ("Role", "shop"),
        ("Role", "data"),
    ]
    assert documents[0]["rules"] == [{"apiGroups": [""], "resources": ["nodes"], "verbs": ["patch"]}]
    assert documents[1]["rules"] == [
        {"apiGroups": [""], "resources": ["pods"], "verbs": ["list"]},
        {
            "apiGroups": ["apps"],
            "resources": ["deployments", "replicasets", "statefulsets"],
            "verbs": ["get"],
        },
        {
            "apiGroups": ["apps"],
            "resources": ["deployments/scale", "replicasets/scale", "statefulsets/scale"],
            "verbs": ["update"],
        },
    ]


def test_without_namespaces_it_is_one_role_for_the_kinds_that_are_named() -> None:
    """And nothing at all for an action that needs nothing."""
    (only,) = least_roles("scaler", SCALE, kinds=("databases.example.org",))
    resources = [resource for rule in only["rules"] for resource in rule["resources"]]
    assert only["kind"] == "ClusterRole"
    assert sorted(resources) == ["databases", "databases/scale", "nodes", "pods"]
    assert least_roles("nothing", ()) == ()


def test_what_is_needed_only_where_planned_is_asked_only_there() -> None:
    """Whoever scales a deployment must not need rights on autoscalers, unless one is to be changed."""
    verb = Verb("patch", "nodes", where_planned=True)
    assert access_needed([verb], plan(step())) == ()
    assert access_needed([verb], NODE) == (asked("patch", "nodes", name="n1"),)
