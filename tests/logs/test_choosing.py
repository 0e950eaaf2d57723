"""Which pods and containers are meant, of those that the cluster shows."""

from __future__ import annotations

from typing import Any

import pytest

from k8sops.core.errors import UsageError
from k8sops.core.log_selection import LogSelection
from k8sops.core.plan import JsonObject
from k8sops.logs.choosing import Chooser


def a_pod(name: str = "web-1", node: str = "node-1") -> JsonObject:
    """One with a container of each role, in each state."""

    def told(container: str, state: str) -> dict[str, Any]:
        return {"name": container, "restartCount": 0, "state": {state: {}}}

    return {
        "metadata": {"name": name, "namespace": "shop", "uid": f"uid-{name}"},
        "spec": {
            "nodeName": node,
            "initContainers": [{"name": "migrate"}],
            "containers": [{"name": "app"}, {"name": "proxy"}],
            "ephemeralContainers": [{"name": "debugger"}],
        },
        "status": {
            "initContainerStatuses": [told("migrate", "terminated")],
            "containerStatuses": [told("app", "running"), told("proxy", "waiting")],
            "ephemeralContainerStatuses": [told("debugger", "running")],
        },
    }


@pytest.mark.parametrize(
    ("selection", "names"),
    [
        (LogSelection(), ["migrate", "app", "proxy", "debugger"]),
        (LogSelection(init=False), ["app", "proxy", "debugger"]),
        (LogSelection(ephemeral=False), ["migrate", "app", "proxy"]),
        (LogSelection(containers="^(app|proxy)$"), ["app", "proxy"]),
        (LogSelection(containers="p", exclude_containers=("rox",)), ["app"]),
        (LogSelection(phases=("running",)), ["app", "debugger"]),
        (LogSelection(phases=("waiting", "terminated")), ["migrate", "proxy"]),
    ],
)
def test_containers_are_taken_by_role_name_and_state(selection: LogSelection, names: list[str]) -> None:
    """stern's users say exactly this, and a sidecar's noise hides what one looks for."""
    assert [one.name for one in Chooser(selection).containers(a_pod())] == names


@pytest.mark.parametrize(
    ("selection", "taken"),
    [
        (LogSelection(), True),
        (LogSelection(pods="^web"), True),
        (LogSelection(pods="^api"), False),
        (LogSelection(exclude_pods=("canary", "-1$")), False),
        (LogSelection(nodes=("node-2", "node-1")), True),
        (LogSelection(nodes=("node-2", "node-3")), False),
    ],
)
def test_pods_are_taken_by_name_and_node(selection: LogSelection, taken: bool) -> None:
    """Of several nodes the server can find none: whoever asks for two gets no third."""
    assert Chooser(selection).takes(a_pod()) is taken


@pytest.mark.parametrize("selection", [LogSelection(pods="("), LogSelection(containers="(")])
def test_a_pattern_that_cannot_be_used_is_named(selection: LogSelection) -> None:
    """Before anything is read, and in one sentence."""
    with pytest.raises(UsageError, match=r"\("):
        Chooser(selection)
