"""What of an object may lie in a bundle."""

from __future__ import annotations

import pytest

from k8sops.actions.collecting.sources.plain import plain
from k8sops.core.ports import Resource

SECRETS = Resource(group="", version="v1", plural="secrets", kind="Secret", namespaced=True)
MAPS = Resource(group="", version="v1", plural="configmaps", kind="ConfigMap", namespaced=True)


def test_of_a_secret_only_names_stay_wherever_people_put_values() -> None:
    """In `data`, in `stringData`, in the copies tools keep in annotations, and in fields nobody foresaw."""
    found = {
        "metadata": {
            "name": "keys",
            "annotations": {
                "kubectl.kubernetes.io/last-applied-configuration": "hunter2",
                "kapp.k14s.io/original": "hunter2",
                "example.com/mine": "hunter2",
            },
        },
        "type": "Opaque",
        "data": {"a": "aHVudGVyMg=="},
        "stringData": {"b": "hunter2"},
        "extra": "hunter2",
    }
    shown = plain(found, SECRETS)
    assert "hunter2" not in str(shown)
    assert "aHVudGVyMg" not in str(shown)
    assert shown["keys"] == ["a", "b"]
    assert "data" not in shown
    assert list(shown["metadata"]["annotations"]) == ["example.com/mine"]
    assert found["data"] == {"a": "aHVudGVyMg=="}


@pytest.mark.parametrize(
    "annotation",
    [
        "kubectl.kubernetes.io/last-applied-configuration",
        "objectset.rio.cattle.io/applied",
        "banzaicloud.com/last-applied",
    ],
)
def test_copies_of_a_manifest_in_annotations_are_left_out(annotation: str) -> None:
    """Some are compressed, where no redaction can look; none says what the object does not."""
    shown = plain({"metadata": {"annotations": {annotation: "H4sIAAAA", "team": "shop"}}}, MAPS)
    assert shown["metadata"]["annotations"] == {"team": "shop"}


def test_an_item_of_a_list_gets_its_kind_back_and_loses_its_bookkeeping() -> None:
    """Items come without apiVersion and kind; they go first, as in every manifest."""
    shown = plain({"metadata": {"name": "x", "managedFields": [{}]}, "data": {"a": "b"}}, MAPS)
    assert list(shown) == ["apiVersion", "kind", "metadata", "data"]
    assert shown["metadata"] == {"name": "x"}
