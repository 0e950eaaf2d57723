"""Objects in words: the known kinds as kubectl describes them, and any other without leaving a field out."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import pytest

from k8sops.core.describing import description
from k8sops.core.plan import JsonObject
from k8sops.core.secret_values import MASK
from k8sops.redact.masking import masked_values

NOW = datetime(2026, 11, 21, 12, tzinfo=UTC)

WEB: JsonObject = {
    "name": "web",
    "image": "nginx:1.29",
    "imagePullPolicy": "IfNotPresent",
    "terminationMessagePath": "/dev/termination-log",
    "command": ["sh", "-c"],
    "args": ["exec web\n", "", "--token", "t0ken-of-web"],
    "ports": [
        {"containerPort": 8080, "name": "http", "protocol": "TCP"},
        {"containerPort": 53, "protocol": "UDP", "hostIP": "192.0.2.1", "hostPort": 53},
    ],
    "livenessProbe": {
        "httpGet": {
            "path": "/healthz",
            "port": "http",
            "scheme": "HTTPS",
            "httpHeaders": [{"name": "Authorization", "value": "Bearer t0ken-of-probe1"}],
        },
        "initialDelaySeconds": 5,
        "periodSeconds": 10,
        "failureThreshold": 3,
    },
    "readinessProbe": {"exec": {"command": ["cat", "/ready"]}, "timeoutSeconds": 1},
    "startupProbe": {"tcpSocket": {"port": 8080}, "successThreshold": 1},
    "envFrom": [
        {"configMapRef": {"name": "web"}, "prefix": "WEB_"},
        {"secretRef": {"name": "web", "optional": True}},
    ],
    "env": [
        {"name": "MODE", "value": "fast"},
        {"name": "EMPTY"},
        {"name": "DB_PASSWORD", "value": "correct-horse"},
        {"name": "DB_USER", "valueFrom": {"secretKeyRef": {"name": "db", "key": "user"}}},
        {"name": "FLAGS", "valueFrom": {"configMapKeyRef": {"name": "f", "key": "k", "optional": True}}},
        {"name": "IP", "valueFrom": {"fieldRef": {"apiVersion": "v1", "fieldPath": "status.podIP"}}},
        {"name": "CPU", "valueFrom": {"resourceFieldRef": {"resource": "limits.cpu", "divisor": "1m"}}},
    ],
    "volumeMounts": [
        {"name": "data", "mountPath": "/data"},
        {"name": "config", "mountPath": "/etc/web", "readOnly": True, "subPath": "web.conf"},
    ],
    "resources": {"limits": {"acme.example/gpu": "1"}, "claims": [{"name": "gpu"}]},
    "securityContext": {"runAsNonRoot": True},
}
STATUS: JsonObject = {
    "name": "web",
    "imageID": "nginx@sha256:ab",
    "containerID": "containerd://c0ffee",
    "ready": False,
    "restartCount": 2,
    "state": {"waiting": {"reason": "CrashLoopBackOff"}},
    "lastState": {"terminated": {"exitCode": 137, "finishedAt": "2026-11-21T11:58:00Z"}},
}
WEB_TOLD = f"""\
Containers
  web
    Image        nginx:1.29
    ID           containerd://c0ffee
    Image ID     nginx@sha256:ab
    State        Waiting, CrashLoopBackOff
    Last state   Terminated, exit code 137, 2m ago
    Ready        no
    Restarts     2
    Ports        8080/TCP (http)
                 53/UDP, host port 192.0.2.1:53
    Command      sh
                 -c
    Args         exec web
                 ""
                 --token
                 {MASK}
    Limits       acme.example/gpu 1
    Liveness     http-get https://:http/healthz [Authorization: {MASK}] delay=5s period=10s #failure=3
    Readiness    exec [cat /ready] timeout=1s
    Startup      tcp-socket :8080 #success=1
    Env from     ConfigMap web, prefix WEB_
                 Secret web, optional
    Environment  MODE=fast
                 EMPTY=
                 DB_PASSWORD={MASK}
                 DB_USER from key user of Secret db
                 FLAGS from key k of ConfigMap f, optional
                 IP from field status.podIP
                 CPU from resource limits.cpu divided by 1m
    Mounts       /data from data (rw)
                 /etc/web from config (ro, path web.conf)
    Image Pull Policy  IfNotPresent
    Resources
      Claims
        - Name   gpu
    Security Context
      Run As Non Root  yes"""


def _described(found: JsonObject) -> str:
    return "\n".join(description({"metadata": {"name": "x"}, **found}, NOW, masked_values))


def test_a_container_is_told_with_all_that_kubectl_tells_and_without_secrets() -> None:
    """Ports, probes and mounts are what one describes a pod for; what a password is, nobody needs to see for that."""
    found = {"kind": "Pod", "spec": {"containers": [WEB]}, "status": {"containerStatuses": [STATUS]}}
    text = _described(found)
    assert WEB_TOLD in text
    assert text.endswith(WEB_TOLD), "told once, and by no field again"


@pytest.mark.parametrize(
    "where",
    [("spec",), ("spec", "template", "spec"), ("spec", "jobTemplate", "spec", "template", "spec")],
)
@pytest.mark.parametrize("field", ["initContainers", "containers", "ephemeralContainers"])
def test_containers_are_told_wherever_a_pod_is_described(where: tuple[str, ...], field: str) -> None:
    """Of a CronJob one wants to know what it runs as much as of a pod."""
    found: Any = {field: [{"name": "one", "ports": [{"containerPort": 80}]}]}
    for step in reversed(where):
        found = {step: found}
    assert "  one\n    Ports        80/TCP" in _described(found)


def test_containers_elsewhere_are_told_by_their_fields_and_keep_their_secrets() -> None:
    """A custom resource has its containers where it likes, and passwords in them as anybody has."""
    env = [{"name": "DB_PASSWORD", "value": "correct-horse"}, {"name": "MODE", "value": "fast"}]
    text = _described({"spec": {"steps": [{"containers": [{"name": "one", "env": env}, "odd"]}], "env": env}})
    assert "correct-horse" not in text
    assert text.count(f"Value      {MASK}") == 1
    assert "odd" in text
    assert "fast" in text


def test_parts_of_a_container_of_unknown_shape_are_told_by_their_fields() -> None:
    """A field that is newer than this program must not vanish from what it shows."""
    text = _described(
        {
            "spec": {
                "containers": [
                    {
                        "name": "web",
                        "ports": [{"containerPort": 80, "lately": "port"}],
                        "livenessProbe": {"carrierPigeon": {"port": 1}},
                        "env": [{"name": "A", "valueFrom": {"vaultRef": {"name": "v"}}}],
                        "resources": "large",
                        "args": "--all",
                    }
                ]
            }
        }
    )
    told = ("Lately", "Carrier Pigeon", "Vault Ref", "Resources    large", "Args         --all")
    assert [line for line in told if line not in text] == []


@pytest.mark.parametrize(
    ("found", "line"),
    [
        ({"spec": "str"}, "  str"),
        ({"spec": [1]}, "  - 1"),
        ({"spec": {"containers": [{"name": "a"}, "str"]}}, "    - str"),
        ({"spec": {"containers": "none"}}, "  Containers     none"),
        ({"spec": {"template": {"spec": "x"}}}, "    Spec         x"),
        ({"status": "Active"}, "  Active"),
        ({"status": ["one"]}, "  - one"),
        ({"status": {"conditions": [{"expr": "a > b"}]}}, "    - Expr       a > b"),
        ({"status": {"containerStatuses": "odd"}}, "  Container Statuses  odd"),
        ({"spec": {"containers": [{"name": ["a"]}]}, "status": {"containerStatuses": "odd"}}, "  (no name)"),
        ({"metadata": "odd", "data": [1]}, "  - 1"),
    ],
)
def test_an_object_of_unusual_shape_is_told_by_its_fields(found: JsonObject, line: str) -> None:
    """A schema may leave a custom resource's fields open, and describing one ended the whole program."""
    assert line in _described(found).splitlines()


def test_a_time_without_a_zone_and_one_at_the_end_of_all_times_are_told() -> None:
    """Whoever writes a condition's time is a controller, not the API server."""
    times = ["2026-11-21", "2026-11-21T11:00:00", "9999-12-31T23:59:59-12:00", "soon", 7, None]
    conditions = [{"type": str(time), "lastTransitionTime": time} for time in times]
    lines = _described({"status": {"conditions": conditions}}).splitlines()
    since = [line.split()[1:] for line in lines[lines.index("Conditions") + 2 :]]
    assert since == [["12h"], ["60m"], [], [], [], []]


def test_what_is_nested_without_end_is_told_as_far_as_anybody_reads() -> None:
    """The API server takes ten thousand levels; a telling that calls itself for each would end the program."""
    deep: Any = "bottom"
    for _ in range(5_000):
        deep = {"deeper": [deep]}
    text = _described({"spec": deep, "status": {"phase": "Fine"}})
    assert "(more than 64 levels, not told)" in text
    assert "Fine" in text
    assert "bottom" not in text


@pytest.mark.parametrize(
    ("spec", "line"),
    [
        ({"selector": {"app": "cart"}}, "    app          cart"),
        ({"selector": {"matchLabels": {"myApp": "cart"}}}, "      myApp      cart"),
        ({"selector": {"matchLabels": {"myApp": "cart"}}}, "    Match Labels"),
        ({"podSelector": {"matchExpressions": [{"key": "a"}]}}, "      - Key      a"),
        ({"template": {"metadata": {"annotations": {"note": "x"}}}}, "      Annotations"),
        ({"template": {"metadata": {"annotations": {"note": "x"}}}}, "        note     x"),
        ({"nodeSelector": {"diskType": "ssd"}}, "    diskType     ssd"),
        ({"hard": {"pods": 3}}, "    pods         3"),
        ({"anything": {"acme.example/gpu": 1}}, "    acme.example/gpu  1"),
        ({"properties": {"dnsPolicy": {"maxLength": 3}}}, "    dnsPolicy"),
        ({"dnsPolicy": "Default"}, "  Dns Policy     Default"),
    ],
)
def test_keys_that_somebody_chose_stay_as_they_are_written(spec: JsonObject, line: str) -> None:
    """One copies a selector out of a description, and `App=cart` selects nothing."""
    assert line in _described({"spec": spec}).splitlines()


def test_what_a_controller_revision_keeps_is_told_by_its_fields() -> None:
    """Values below `data` are mostly text, but not of every kind."""
    lines = _described({"data": {"spec": {"replicas": 2}, "note": "a\nb"}}).splitlines()
    assert lines[-4:] == ["Data", "  spec", "    replicas     2", "  note           a ⏎ b"]
