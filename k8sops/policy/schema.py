"""The JSON Schema of a policy file, for editors and reviewers; `make docs` writes it to docs/policy.schema.json."""

from __future__ import annotations

import json
from typing import Any

from k8sops.policy.model import PolicyFile


def policy_schema() -> dict[str, Any]:
    """JSON Schema 2020-12 of the file, keys as people write them."""
    schema = PolicyFile.model_json_schema(by_alias=True)
    return {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        **schema,
        "title": "k8sops policy",
    }


def policy_schema_text() -> str:
    """The schema as it stands in docs/."""
    return json.dumps(policy_schema(), indent=2, ensure_ascii=False, sort_keys=True) + "\n"
