"""Made-up objects that screens are shown with: a small shop in some trouble."""

from __future__ import annotations

import base64

from k8sops.core.plan import JsonObject
from tests.tui.feeds import pod

DAY = 86400.0

SHOP = sorted(
    [
        pod("checkout-6f5c9d7b88-2xk4p", ready="0/1", status="CrashLoopBackOff", restarts="14 (2m ago)"),
        pod("checkout-6f5c9d7b88-9qwzl", ready="0/1", status="Running", restarts="15 (20s ago)", age_s=3700),
        pod("web-7d9c5b8f6d-4jfkd", age_s=5 * DAY, ip="10.244.1.17"),
        pod("web-7d9c5b8f6d-8s2mx", age_s=5 * DAY, ip="10.244.2.3", node="node-2"),
        pod("web-7d9c5b8f6d-zz9pl", age_s=41, status="ContainerCreating", ready="0/1", ip="<none>"),
        pod("cart-redis-0", age_s=40 * DAY, ip="10.244.0.9"),
        pod("search-indexer-0", status="Pending", ready="0/2", ip="<none>", node="<none>", age_s=7260),
        pod("payments-api-5b7df9c6f4-tk2vw", namespace="payments", restarts="1 (3d ago)", age_s=9 * DAY),
        pod(
            "payments-worker-7c8d9-old", namespace="payments", status="Terminating", deleting=True, age_s=DAY
        ),
        pod(
            "ledger-migrate-28911-x7k2p",
            namespace="payments",
            status="Completed",
            ready="0/1",
            age_s=6 * 3600,
        ),
        pod("数据-sync-0", namespace="data", age_s=100 * DAY),
        pod("evil-\x1b[31mred\u202e-0", namespace="data", status="[b]odd[/b]", age_s=800 * DAY),
        pod("etl-nightly-29384-qqx8r", namespace="data", status="Error", ready="0/1", age_s=11 * 3600),
        pod("coredns-668d6bf9bc-2d7xw", namespace="kube-system", age_s=120 * DAY),
        pod("kube-proxy-7h2lq", namespace="kube-system", age_s=120 * DAY),
    ],
    key=lambda row: (row.namespace, row.name),
)

WEB_POD: JsonObject = {
    "apiVersion": "v1",
    "kind": "Pod",
    "metadata": {
        "name": "web-1",
        "namespace": "shop",
        "labels": {"app": "web"},
        "managedFields": [{"manager": "kubelet", "operation": "Update"}],
    },
    "spec": {
        "containers": [
            {"name": "web", "image": "nginx:1.29", "command": ["sh", "-c", "echo one\necho two\n"]}
        ],
        "nodeName": "node-1",
    },
    "status": {"phase": "Running"},
}

SECRET_TEXT = "correct-horse-battery"
SECRET_ENCODED = base64.b64encode(SECRET_TEXT.encode()).decode()

SECRET: JsonObject = {
    "apiVersion": "v1",
    "kind": "Secret",
    "metadata": {
        "name": "token",
        "namespace": "shop",
        "annotations": {
            "kubectl.kubernetes.io/last-applied-configuration": '{"stringData":{"token":"correct-horse-battery"}}'
        },
    },
    "type": "Opaque",
    "data": {"token": SECRET_ENCODED, "not-base64": "zażółć"},
}
