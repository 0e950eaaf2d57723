"""Differences of two objects: every field is told once, under a path people can find, and no secret ever."""

from __future__ import annotations

import copy
import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from k8sops.backup.differences import LAST_APPLIED, NOISE, differences

DEPLOYMENT: dict[str, Any] = {
    "apiVersion": "apps/v1",
    "kind": "Deployment",
    "metadata": {
        "name": "web",
        "namespace": "shop",
        "uid": "one",
        "resourceVersion": "7",
        "generation": 3,
        "annotations": {"team.example/owner": "shop"},
    },
    "spec": {
        "replicas": 2,
        "template": {
            "spec": {
                "containers": [
                    {"name": "web", "image": "web:1", "args": ["-v"], "ports": [{"containerPort": 80}]},
                    {"name": "log", "image": "log:1"},
                ]
            }
        },
    },
    "status": {"readyReplicas": 2},
}

scalars = st.none() | st.booleans() | st.integers(-3, 3) | st.text(max_size=3)
values = st.recursive(
    scalars,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=4), inner, max_size=3),
)
objects = st.dictionaries(st.text(max_size=4), values, max_size=4)


def changed(**fields: Any) -> dict[str, Any]:
    """The Deployment with some of its spec changed."""
    found = copy.deepcopy(DEPLOYMENT)
    found["spec"].update(fields)
    return found


def said(before: dict[str, Any], after: dict[str, Any], **other: Any) -> list[str]:
    """What is told, a line each."""
    return [str(found) for found in differences(before, after, **other)]


def test_a_member_of_a_list_is_found_by_its_key() -> None:
    """A container put in front must not make every container after it look changed."""
    after = copy.deepcopy(DEPLOYMENT)
    containers = after["spec"]["template"]["spec"]["containers"]
    containers[0]["image"] = "web:2"
    containers[0]["ports"].append({"containerPort": 443})
    containers.insert(0, {"name": "mesh", "image": "mesh:1"})
    assert said(DEPLOYMENT, after) == [
        'spec.template.spec.containers[mesh]: added {"name": "mesh", "image": "mesh:1"}',
        'spec.template.spec.containers[web].image: "web:1" → "web:2"',
        'spec.template.spec.containers[web].ports[443]: added {"containerPort": 443}',
    ]


def test_another_order_is_told_as_that() -> None:
    """Init containers run in their order: the same ones in another are not the same."""
    after = copy.deepcopy(DEPLOYMENT)
    after["spec"]["template"]["spec"]["containers"].reverse()
    assert said(DEPLOYMENT, after) == ["spec.template.spec.containers: in another order"]


def test_members_that_no_key_tells_apart_are_taken_by_position() -> None:
    """Two rules of one name are not thrown together, which would hide one of them."""
    before, after = changed(rules=[{"name": "a", "v": 1}] * 2), changed(rules=[{"name": "a", "v": 1}])
    assert said(before, after) == ['spec.rules[1]: removed, was {"name": "a", "v": 1}']


def test_noise_is_hidden_unless_it_is_asked_for() -> None:
    """Everything that lives changes its version and status all day."""
    after = copy.deepcopy(DEPLOYMENT)
    after["metadata"] |= {"uid": "two", "resourceVersion": "9", "managedFields": []}
    after["metadata"]["annotations"][LAST_APPLIED] = "{}"
    after["status"]["readyReplicas"] = 1
    assert said(DEPLOYMENT, after) == []
    assert said(DEPLOYMENT, after, hide=NOISE - {"status"}) == ["status.readyReplicas: 2 → 1"]
    assert len(said(DEPLOYMENT, after, hide=())) == 5


def test_annotations_that_are_only_noise_were_not_added() -> None:
    """What holds nothing but hidden fields is hidden itself."""
    before, after = copy.deepcopy(DEPLOYMENT), copy.deepcopy(DEPLOYMENT)
    del before["metadata"]["annotations"]
    after["metadata"]["annotations"] = {LAST_APPLIED: "{}"}
    assert said(before, after) == []
    after["metadata"]["annotations"]["a/b"] = "c"
    assert said(before, after) == ['metadata.annotations: added {"a/b": "c"}']


def test_an_owner_is_the_same_under_another_uid() -> None:
    """A restore links owners anew; that the owner is another one has to show."""
    owner = {"apiVersion": "apps/v1", "kind": "ReplicaSet", "name": "web-1", "uid": "one"}
    before, after = copy.deepcopy(DEPLOYMENT), copy.deepcopy(DEPLOYMENT)
    before["metadata"]["ownerReferences"] = [owner]
    after["metadata"]["ownerReferences"] = [owner | {"uid": "two"}]
    assert said(before, after) == []
    after["metadata"]["ownerReferences"] = [owner | {"name": "web-2"}]
    assert len(said(before, after)) == 2


@pytest.mark.parametrize("field", ["data", "stringData"])
def test_of_a_secret_only_the_keys_are_told(field: str) -> None:
    """Neither a value, nor the copy kubectl keeps of all values, in any form of a difference."""
    before: dict[str, Any] = {
        "apiVersion": "v1",
        "kind": "Secret",
        "type": "Opaque",
        "metadata": {"name": "db", "annotations": {LAST_APPLIED: "hunter2"}},
        field: {"user": "hunter2", "gone": "hunter2", "same": "hunter2"},
    }
    after = copy.deepcopy(before) | {field: {"user": "hunter3", "new": "hunter3", "same": "hunter2"}}
    after["metadata"]["annotations"][LAST_APPLIED] = "hunter3"
    found = differences(before, after, hide=())
    assert {(each.path, each.change, each.hidden) for each in found} == {
        (f"{field}.gone", "removed", True),
        (f"{field}.new", "added", True),
        (f"{field}.user", "changed", True),
        (f'metadata.annotations["{LAST_APPLIED}"]', "changed", True),
    }
    for cut in ({}, {"apiVersion": "v1", "kind": "Secret"}, {"metadata": None, field: None}):
        found += differences(before, before | cut, hide=())
        found += differences(cut, before, hide=())
        found += differences(before, cut, hide=())
    assert "hunter" not in json.dumps([(each.path, each.before, each.after) for each in found])


def test_true_is_not_one_and_paths_print_safely() -> None:
    """Python thinks otherwise of the first; a key may hold what moves a terminal's cursor."""
    assert said({"a": True}, {"a": 1}) == ["a: true → 1"]
    assert said({"a": [True]}, {"a": [1]}) == ["a: [true] → [1]"]
    assert said({}, {"\x1b[2J": {"b": "\x1b"}}) == ['["\\u001b[2J"]: added {"b": "\\u001b"}']


def test_depth_is_no_way_to_bring_it_down() -> None:
    """A backup may come from somebody else."""
    before: dict[str, Any] = {}
    after: dict[str, Any] = {"x": 1}
    for _ in range(5000):
        before, after = {"a": before}, {"a": after}
    assert len(differences(before, after)) == 1


@given(before=objects, after=objects)
def test_what_differs_is_told_and_what_is_the_same_is_not(
    before: dict[str, Any], after: dict[str, Any]
) -> None:
    """Silence means equal: a restore's outcome rests on it."""
    assert differences(before, copy.deepcopy(before), hide=()) == []
    equal = json.dumps(before, sort_keys=True) == json.dumps(after, sort_keys=True)
    assert (differences(before, after, hide=()) == []) is equal
    assert len(differences(before, after, hide=())) == len(differences(after, before, hide=()))
