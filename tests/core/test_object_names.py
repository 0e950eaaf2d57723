"""How a request names objects, in one namespace or several: read, written, joined and told."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from k8sops.core.errors import UsageError
from k8sops.core.object_names import (
    OBJECT_FIELDS,
    NamedObject,
    namespaces_asked,
    object_named,
    where_asked,
    with_namespaces,
)
from k8sops.core.params import KIND_AND_NAME, NAMES, extra_of
from k8sops.core.ports import Resource
from k8sops.service.catalog import all_actions, params_of

PODS = Resource(group="", version="v1", plural="pods", kind="Pod", namespaced=True)
NODES = Resource(group="", version="v1", plural="nodes", kind="Node", namespaced=False)
SELECTED = {"targets": ["pods"], "selector": "app=web", "namespace": "shop"}
PART = st.text("abc.-:0", min_size=1, max_size=8)


@given(PART, PART, PART | st.just(""))
def test_what_is_written_is_read_as_the_same_object(kind: str, name: str, namespace: str) -> None:
    """Every door writes it and every layer reads it: there must be one form."""
    named = NamedObject(kind, name, namespace)
    assert object_named(str(named)) == named


@pytest.mark.parametrize("text", ["", "web", "/web", "deployment/", "/pod/web", "shop//web", "a/b/c/d"])
def test_what_has_another_number_of_parts_names_no_object(text: str) -> None:
    """A guess would act on what nobody meant."""
    assert object_named(text) is None


def test_an_object_is_where_it_says_and_else_where_the_request_is() -> None:
    """And what is in no namespace has none in front of it: a typing mistake, told as one."""
    assert NamedObject("pod", "a", "shop").place(PODS, "payments") == "shop"
    assert NamedObject("pod", "a").place(PODS, "payments") == "payments"
    assert NamedObject("node", "a").place(NODES, "payments") == ""
    with pytest.raises(UsageError, match=r"^'shop/node/a': nodes are in no namespace, write node/a$"):
        NamedObject("node", "a", "shop").place(NODES, "payments")


@pytest.mark.parametrize(
    ("params", "namespaces", "told"),
    [
        ({"namespace": "shop"}, ("shop",), "shop"),
        ({"targets": ["pod/a"], "namespace": "shop"}, ("shop",), "shop"),
        ({"targets": ["payments/pod/a"], "namespace": "shop"}, ("payments",), "payments"),
        ({"targets": ["pod/a", "payments/pod/a"], "namespace": "shop"}, ("shop", "payments"), "shop and payments"),
        ({"exactly": ["a/pod/x=1", "b/pod/x=2", "c/pod/x=3"], "namespace": "shop"}, ("a", "b", "c"), "3 namespaces"),
        ({"query": ["a/pod/x"], "namespace": "shop,legacy"}, ("a",), "a"),
        ({"query": ["web-.*"], "namespace": "shop, legacy"}, ("shop", "legacy"), "shop and legacy"),
        ({"query": [], "namespace": "shop", "all_namespaces": True}, ("shop",), "all namespaces"),
        ({"targets": ["pods"], "selector": "a=b", "namespace": "shop"}, ("shop",), "shop"),
        ({"nodes": ["n1"]}, (), ""),
    ],
)  # fmt: skip
def test_which_namespaces_a_request_is_about_is_told_by_its_objects(
    params: dict[str, Any], namespaces: tuple[str, ...], told: str
) -> None:
    """Policy counts them and every door shows them: `namespace` alone would let the long form pass unseen."""
    assert (namespaces_asked(params), where_asked(params)) == (namespaces, told)


@pytest.mark.parametrize(
    ("params", "joined"),
    [
        ({"targets": ["pod/a", "b/pod/c"], "namespace": "shop"}, {"targets": ["shop/pod/a", "b/pod/c"]}),
        ({"exactly": ["deployment/web=3"], "namespace": "shop"}, {"exactly": ["shop/deployment/web=3"]}),
        ({"targets": ["namespaces/shop"]}, {"targets": ["namespaces/shop"]}),
        (SELECTED, SELECTED),
        ({"to_zero": True, "namespace": "b"}, {"to_zero": True, "namespace": "b"}),
    ],
)  # fmt: skip
def test_a_request_with_its_namespace_in_front_of_each_object_means_the_same(
    params: dict[str, Any], joined: dict[str, Any]
) -> None:
    """So that it can be joined with others; what a selector or a whole namespace means cannot be said so."""
    assert with_namespaces(params) == joined


def test_every_field_that_names_objects_is_one_whose_namespaces_count() -> None:
    """An action with a field of another name would slip past the policy's namespaces."""
    found = {
        field
        for spec in all_actions()
        for field, info in params_of(spec.name).model_fields.items()
        if extra_of(info).get(NAMES) == KIND_AND_NAME
    }
    assert found <= set(OBJECT_FIELDS)
