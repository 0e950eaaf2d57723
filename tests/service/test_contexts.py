"""What a list of contexts says of a kubeconfig."""

from __future__ import annotations

from pathlib import Path

import pytest

from k8sops.service.config import Config
from k8sops.service.contexts import ConfiguredContexts

_FILE = """\
apiVersion: v1
kind: Config
current-context: staging
contexts:
- {name: prod, context: {cluster: prod, user: someone}}
- {name: staging, context: {cluster: staging, user: someone, namespace: shop}}
clusters:
- {name: prod, cluster: {server: "https://prod.example"}}
- {name: staging, cluster: {server: "https://staging.example"}}
users: []
"""


@pytest.mark.parametrize(("chosen", "default"), [("", "staging"), ("prod", "prod")])
async def test_the_list_says_which_context_is_begun_with(chosen: str, default: str, tmp_path: Path) -> None:
    """Where that one is not reached, the cursor of the list belongs on it; one chosen outdoes the file's own."""
    path = tmp_path / "config"
    path.write_text(_FILE)
    listed = await ConfiguredContexts(Config(kubeconfig=(path,), context=chosen)).listed()
    assert [(each.name, each.server, each.namespace) for each in listed] == [
        ("prod", "https://prod.example", ""),
        ("staging", "https://staging.example", "shop"),
    ]
    assert [each.name for each in listed if each.is_default] == [default]
