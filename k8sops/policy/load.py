"""From a file to a Policy, or to one sentence that says where the file is wrong and what to do."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any, Final

from pydantic import ValidationError

from k8sops.core.errors import PolicyError
from k8sops.policy.checks import problems
from k8sops.policy.model import PolicyFile
from k8sops.policy.policy import Policy
from k8sops.policy.yaml_text import SIZE_LIMIT, BadYamlError, read_yaml

DEFAULT: Final = Path(__file__).with_name("default.yaml")
HINT: Final = "docs/policy.md explains the keys; `k8sops policy test` tries a policy out"


def load_policy(path: Path | None) -> Policy:
    """The policy in this file; the shipped one where there is none. Raises PolicyError."""
    file = path or DEFAULT
    try:
        with file.open("rb") as opened:
            data = opened.read(SIZE_LIMIT + 1)
    except FileNotFoundError:
        raise PolicyError(f"{file}: there is no such file", hint="K8SOPS_POLICY names it") from None
    except OSError as error:
        raise PolicyError(f"{file} cannot be read: {error.strerror}") from error
    return parse_policy(data, where=str(file), shipped=path is None)


def parse_policy(data: bytes, *, where: str, shipped: bool = False) -> Policy:
    """The policy in these bytes; `where` names them in messages. Raises PolicyError."""
    try:
        document = read_yaml(data)
    except BadYamlError as error:
        raise PolicyError(f"{where}: {error}", hint=HINT) from error
    if not isinstance(document, dict):
        raise PolicyError(f"{where} must hold a mapping that begins with `format: 1`", hint=HINT)
    try:
        model = PolicyFile.model_validate(document)
    except ValidationError as error:
        first = error.errors(include_url=False, include_input=False)[0]
        raise PolicyError(f"{where}: {_place(first['loc'], document)}{_said(first)}", hint=HINT) from error
    for problem in problems(model):
        raise PolicyError(f"{where}: {problem.path}: {problem.text}", hint=problem.hint or HINT)
    return Policy(model, shipped=shipped)


def _place(location: Sequence[int | str], document: Any) -> str:
    """`rules[2] (no-friday).match.risk: `, the way to the key as in the file."""
    text = ""
    found = document
    for step in location:
        found = _within(found, step)
        if isinstance(step, int):
            name = found.get("name") if isinstance(found, dict) else None
            text += f"[{step}] ({name})" if isinstance(name, str) and name.isprintable() else f"[{step}]"
        else:
            text += f".{step}" if text else step
    shown = "".join(character if character.isprintable() else "?" for character in text[:200])
    return f"{shown}: " if shown else ""


def _within(found: Any, step: int | str) -> Any:
    try:
        return found[step]
    except (KeyError, IndexError, TypeError):
        return None


def _said(error: Any) -> str:
    kind, text = error["type"], str(error["msg"]).removeprefix("Value error, ")
    if kind == "extra_forbidden":
        return "there is no such key"
    if kind == "missing":
        return "this key is missing"
    return (text[:1].lower() + text[1:]).replace("input should", "should")
