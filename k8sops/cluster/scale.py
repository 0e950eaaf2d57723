"""The scale subresource (autoscaling/v1 Scale), which any kind with replicas may serve."""

from __future__ import annotations

import msgspec

from k8sops.cluster.paths import object_path
from k8sops.core.errors import ServerError, UsageError
from k8sops.core.ports import Resource, ScaleView


class _Meta(msgspec.Struct, frozen=True, rename="camel"):
    name: str = ""
    namespace: str = ""
    uid: str = ""
    resource_version: str = ""


class _Spec(msgspec.Struct, frozen=True):
    replicas: int = 0


class _Status(msgspec.Struct, frozen=True):
    replicas: int = 0
    selector: str = ""


class _Scale(msgspec.Struct, frozen=True):
    metadata: _Meta = _Meta()
    spec: _Spec = _Spec()
    status: _Status = _Status()


def path_of_scale(resource: Resource, name: str, namespace: str) -> str:
    """The path of the scale subresource. Raises UsageError where the kind has none."""
    if "scale" not in resource.subresources:
        raise UsageError(
            f"{resource.qualified} cannot be scaled: they have no scale subresource",
            hint="scale the deployment, statefulset or replicaset that stands behind it",
        )
    return object_path(resource, name, namespace, "scale")


def scale_body(name: str, namespace: str, *, replicas: int, uid: str, resource_version: str) -> bytes:
    """The Scale to PUT, locked by `resource_version`."""
    metadata = {"name": name, "namespace": namespace, "uid": uid, "resourceVersion": resource_version}
    return msgspec.json.encode(
        {
            "apiVersion": "autoscaling/v1",
            "kind": "Scale",
            "metadata": {key: value for key, value in metadata.items() if value},
            "spec": {"replicas": replicas},
        }
    )


def scale_view(data: bytes, subject: str, *, of_change: bool = False) -> ScaleView:
    """A Scale as the API server sends it, which leaves out zeros. Raises ServerError, as `client_base.decoded` does."""
    try:
        scale = msgspec.json.decode(data, type=_Scale)
    except msgspec.MsgspecError as error:
        raise ServerError(
            f"{subject}: the API server's Scale cannot be read: {error}", outcome_unknown=of_change
        ) from error
    return ScaleView(
        name=scale.metadata.name,
        namespace=scale.metadata.namespace,
        uid=scale.metadata.uid,
        resource_version=scale.metadata.resource_version,
        spec_replicas=scale.spec.replicas,
        status_replicas=scale.status.replicas,
        selector=scale.status.selector,
    )
