"""What an edit applies, by an object's managedFields: what changes, what was applied before, and nothing else."""

from __future__ import annotations

from typing import Any

import pytest

from k8sops.actions.objects.apply_body import apply_body
from k8sops.actions.objects.field_owners import holders
from k8sops.core.merge_patch import inverse_patch, merge_patch, patched

PORTS = [{"port": 80, "protocol": "TCP", "name": "web"}, {"port": 443, "protocol": "TCP", "name": "tls"}]
PRESENT: dict[str, Any] = {
    "metadata": {"labels": {"a": "1", "b": "2"}, "finalizers": ["x", "y"]},
    "spec": {"ports": PORTS, "args": ["-v"], "selector": {"app": "web"}, "type": "ClusterIP"},
}
_TCP = 'k:{{"port":{},"protocol":"TCP"}}'
THEIRS = {
    "f:metadata": {"f:labels": {".": {}, "f:a": {}}, "f:finalizers": {".": {}, 'v:"x"': {}, 'v:"y"': {}}},
    "f:spec": {
        "f:ports": {_TCP.format(port): {".": {}, "f:port": {}, "f:name": {}} for port in (80, 443)},
        "f:args": {},
        "f:selector": {},
        "f:type": {},
    },
}
OURS = {
    "f:metadata": {"f:labels": {"f:b": {}}, "f:finalizers": {'v:"y"': {}}},
    "f:spec": {"f:ports": {_TCP.format(443): {".": {}, "f:name": {}}}},
}


def found(*, ours: Any = None, subresource: str = "") -> dict[str, Any]:
    """The object with who holds what."""
    entries = [{"manager": "helm", "operation": "Update", "apiVersion": "v1", "fieldsV1": THEIRS}]
    if subresource:
        entries[0]["subresource"] = subresource
    if ours is not None:
        entries.append({"manager": "k8sops-edit", "operation": "Apply", "apiVersion": "v1", "fieldsV1": ours})
    return {
        "apiVersion": "v1",
        **PRESENT,
        "metadata": {**PRESENT["metadata"], "managedFields": entries},
    }


def applied(patch: dict[str, Any], *, ours: Any = None) -> dict[str, Any]:
    """What an edit sends."""
    wanted = patched(PRESENT, patch)
    return apply_body(found(ours=ours), PRESENT, wanted, manager="k8sops-edit")


@pytest.mark.parametrize(
    ("patch", "sent"),
    [
        ({"spec": {"type": "NodePort"}}, {"spec": {"type": "NodePort"}}),
        ({"spec": {"args": ["-v", "-q"]}}, {"spec": {"args": ["-v", "-q"]}}),
        ({"spec": {"selector": {"tier": "1"}}}, {"spec": {"selector": {"app": "web", "tier": "1"}}}),
        ({"metadata": {"finalizers": ["x", "y", "z"]}}, {"metadata": {"finalizers": ["z"]}}),
        (
            {"spec": {"ports": [PORTS[0] | {"name": "plain"}, PORTS[1]]}},
            {"spec": {"ports": [{"port": 80, "protocol": "TCP", "name": "plain"}]}},
        ),
        (
            {"spec": {"ports": [*PORTS, {"port": 9090}]}},
            {"spec": {"ports": [{"port": 9090}]}},
        ),
        ({"metadata": {"annotations": {"n": "1"}}}, {"metadata": {"annotations": {"n": "1"}}}),
    ],
)
def test_only_what_changes_is_sent(patch: dict[str, Any], sent: dict[str, Any]) -> None:
    """A list without keys and a map held as a whole go whole; of a list with keys only the entries that change."""
    assert applied(patch) == sent


def test_what_was_applied_before_is_sent_again_unless_it_is_to_go() -> None:
    """The server takes what a manager leaves out for what it wants removed."""
    kept = {"port": 443, "protocol": "TCP", "name": "tls"}
    sent = applied({"spec": {"type": "NodePort", "ports": [PORTS[0] | {"name": "p"}, PORTS[1]]}}, ours=OURS)
    assert sent["metadata"] == {"labels": {"b": "2"}, "finalizers": ["y"]}
    assert sent["spec"]["ports"] == [{"port": 80, "protocol": "TCP", "name": "p"}, kept]
    assert applied({"spec": {"type": "NodePort"}}, ours=OURS)["spec"] == {"type": "NodePort", "ports": [kept]}
    removed = applied({"metadata": {"labels": {"b": None}}}, ours=OURS)
    assert removed["metadata"] == {"labels": {}, "finalizers": ["y"]}


def test_a_holder_is_found_by_entries_of_lists_and_by_the_whole_a_field_is_part_of() -> None:
    """Who is not found is not named, and what is not named stops the edit at its very end."""
    names = ["spec.ports[1].name", "metadata.finalizers[0]", "spec.args[0]", "spec.none"]
    (held,) = holders(found(ours=OURS), names, ours=frozenset({"k8sops-edit"}))
    assert (held.manager, held.fields, held.returns) == ("helm", tuple(names[:3]), False)
    (through,) = holders(found(subresource="scale"), ["spec.type"], ours=frozenset())
    assert through.returns, "an autoscaler writes through the scale subresource, and will again"


def test_a_patch_applied_to_an_object_makes_what_it_was_made_from() -> None:
    """Editing as text and applying must agree, the way back included."""
    wanted = {"metadata": {"labels": {"a": "1"}}, "spec": {"args": [], "deep": {"er": {"x": 1}}}}
    patch = merge_patch(PRESENT, wanted)
    assert patched(PRESENT, patch) == wanted
    assert patched(wanted, inverse_patch(patch, PRESENT)) == PRESENT
    assert patched({"a": 1}, {"b": {"c": None}}) == {"a": 1, "b": {}}
