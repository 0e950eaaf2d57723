"""What a form begins with: where objects agree it is their value, else what could be typed."""

from __future__ import annotations

import pytest

from k8sops.core.plan import JsonObject
from k8sops.tui.acting.as_is import AsIs, images_of, replicas_of
from tests.tui.acting_desk import workload


@pytest.mark.parametrize(
    ("image", "version"),
    [
        ("nginx:1.25", "1.25"),
        ("nginx", ""),
        ("reg:5000/shop/web", ""),
        ("reg:5000/shop/web:v2", "v2"),
        ("nginx@sha256:ab", "@sha256:ab"),
        ("nginx:1@sha256:ab", "1@sha256:ab"),
    ],
)
def test_the_version_of_an_image_is_what_the_next_key_replaces(image: str, version: str) -> None:
    """A registry's port is no version; of a digest nothing may be left behind."""
    found = images_of([workload(app=image)])
    assert found.value == f"app={image}"
    assert found.value[slice(*found.replaced)] == version


def test_init_containers_follow_and_workloads_that_are_alike_are_one_value() -> None:
    """They pull images, too."""
    one = workload(app="web:1")
    one["spec"]["template"]["spec"]["initContainers"] = [{"name": "migrate", "image": "web:1"}]
    assert images_of([one, one]).value == "app=web:1 migrate=web:1"


@pytest.mark.parametrize(
    ("objects", "hint"),
    [
        ([workload(app="web:1", side="x"), workload(app="web:2", side="x")], "all have app, side"),
        ([workload(app="web:1", a="x"), workload(b="x", app="web:1")], "all have app"),
        ([workload(a="x"), workload(b="x")], "they share no container name"),
        ([workload(app="web 1")], "all have app"),
        ([workload(app="web\x1b[31m")], "all have app"),
        ([{"spec": {}}], ""),
        ([], ""),
    ],
)
def test_where_there_is_no_one_value_the_names_are_told(objects: list[JsonObject], hint: str) -> None:
    """An image of one of them in the box would be set in all; what is no plain word would be taken otherwise."""
    assert images_of(objects) == AsIs(hint=hint)


def test_replicas_are_one_number_or_none() -> None:
    """As with images."""
    assert replicas_of([{"spec": {"replicas": 12}}]) == AsIs(value="12", replaced=(0, 2))
    assert replicas_of([{"spec": {"replicas": 1}}, {"spec": {"replicas": 2}}]) == AsIs()
    assert replicas_of([{}]) == replicas_of([]) == AsIs()
