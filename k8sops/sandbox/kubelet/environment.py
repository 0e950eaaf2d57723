"""The environment variables of a container, as the kubelet makes them from its spec.

envFrom first, then env in order; `$(NAME)` stands for a variable made before it, `$$(NAME)` for the text itself
("Define Dependent Environment Variables" of the Kubernetes documentation). Nothing of the host's environment is in it.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any, Final

from k8sops.sandbox.kubelet.addresses import API_SERVICE_ADDRESS
from k8sops.sandbox.kubelet.volumes import Contents, field_of

PATH: Final = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"
_REFERENCE: Final = re.compile(r"\$\$|\$\(([-._A-Za-z0-9]+)\)")


async def environment_of(
    pod: Mapping[str, Any], container: Mapping[str, Any], contents: Contents, base: Mapping[str, str]
) -> dict[str, str]:
    """The container's variables over those every container has and those of `base`."""
    made = {
        "PATH": PATH,
        "KUBERNETES_SERVICE_HOST": API_SERVICE_ADDRESS,
        "KUBERNETES_SERVICE_PORT": "443",
        "KUBERNETES_SERVICE_PORT_HTTPS": "443",
        **base,
    }
    for source in container.get("envFrom") or ():
        for kind, resource in (("configMapRef", "configmaps"), ("secretRef", "secrets")):
            if reference := source.get(kind):
                data = await contents.data(resource, reference["name"])
                prefix = source.get("prefix", "")
                made |= {f"{prefix}{key}": value.decode("utf-8", "replace") for key, value in data.items()}
    for one in container.get("env") or ():
        value = await _value(pod, container, contents, one)
        if value is not None:
            made[one["name"]] = expanded(value, made)
    # A NUL ends a variable for the kernel, and none comes from a kubelet.
    return {name: value for name, value in made.items() if "\0" not in value and "=" not in name}


async def _value(
    pod: Mapping[str, Any], container: Mapping[str, Any], contents: Contents, one: Mapping[str, Any]
) -> str | None:
    source = one.get("valueFrom")
    if not source:
        return str(one.get("value", ""))
    for kind, resource in (("configMapKeyRef", "configmaps"), ("secretKeyRef", "secrets")):
        if reference := source.get(kind):
            found = (await contents.data(resource, reference["name"])).get(reference["key"])
            return None if found is None else found.decode("utf-8", "replace")
    return field_of(pod, source, container["name"])


def expanded(text: str, known: Mapping[str, str]) -> str:
    """`text` with its references to known variables replaced; an unknown one stays as it is written."""

    def replace(match: re.Match[str]) -> str:
        return "$" if match[0] == "$$" else known.get(match[1], match[0])

    return _REFERENCE.sub(replace, text)
