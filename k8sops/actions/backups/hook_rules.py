"""Commands to run in pods before and after a backup, as whoever makes it says: in a file, a schedule or a playbook.

The words of Velero's backup spec (velero.io/docs, Backup Hooks), less what nobody needs: which pods, by namespace and
label, and what is run in them. The file's content becomes part of the Params when they are made, so that plan, approval
and schedule hold the commands themselves and no carrier reads the file again. Since Params are shown and kept, a
command that looks as if a secret stood in it is refused: a pod's own environment has those.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Annotated, Any, Final, Literal

from pydantic import AfterValidator, ConfigDict, Field, ValidationError, field_validator, model_validator

from k8sops.backup.selection import Selection, make_selection
from k8sops.core.errors import UsageError
from k8sops.core.params import Params, PlainText, Seconds
from k8sops.policy.yaml_text import SIZE_LIMIT, BadYamlError, read_yaml
from k8sops.redact.rules import is_secret_text

OnError = Literal["fail", "continue"]

TIMEOUT_S: Final = 30
LONGEST_S: Final = 3600
MOST_RULES: Final = 100
_NAME: Final = re.compile(r"[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?")
_OF_ENVIRONMENT: Final = re.compile(r"""[\w.-]*\s*[=:]?\s*["']?\$(?:\w+|\{[^}]*\}|\([^)]*\))["']?""")
_HINT: Final = (
    "write a list of `{name: freeze, namespaces: [shop], selector: app=db, pre: {command: [sh, -c, sync]}}`"
)


def _words(command: tuple[str, ...]) -> tuple[str, ...]:
    if not command[0].strip():
        raise ValueError("names no program")
    if any("\0" in word for word in command):
        raise ValueError("holds a null character")
    if looks_secret(command):
        raise ValueError(
            'looks as if a secret stood in it, and Params are kept: take it from the pod\'s environment ("$PASSWORD")'
        )
    return command


Command = Annotated[tuple[str, ...], Field(min_length=1, max_length=64), AfterValidator(_words)]


class HookCommand(Params):
    """What is run, how long it may take, and what its failure comes to."""

    model_config = ConfigDict(str_strip_whitespace=False)

    command: Command
    timeout: Annotated[Seconds, Field(ge=1, le=LONGEST_S)] = TIMEOUT_S
    on_error: OnError = "fail"

    @model_validator(mode="before")
    @classmethod
    def _spelled(cls, given: Any) -> Any:
        return _underscored(given)


class HookRule(Params):
    """One entry: in which pods, and what before and what after; `namespaces` may be globs, none means all."""

    name: str
    namespaces: tuple[PlainText, ...] = ()
    selector: PlainText = ""
    container: PlainText = ""
    pre: HookCommand | None = None
    post: HookCommand | None = None

    @field_validator("name")
    @classmethod
    def _a_name(cls, value: str) -> str:
        if _NAME.fullmatch(value) is None:
            raise ValueError("should be lower-case letters, digits and '-', at most 63")
        return value

    @model_validator(mode="after")
    def _can_be(self) -> HookRule:
        if self.pre is None and self.post is None:
            raise ValueError("says neither pre nor post, so nothing would be run")
        self.selection()
        return self

    def takes(self, namespace: str, labels: Mapping[str, str]) -> bool:
        """Whether a pod is meant."""
        selection = self.selection()
        return selection.takes_namespace(namespace) and selection.takes_labels(labels)

    def selection(self) -> Selection:
        """The pods that are meant. Raises UsageError."""
        selectors = (self.selector,) if self.selector else ()
        return make_selection(include_namespaces=self.namespaces, selectors=selectors)


def with_hooks(given: Sequence[Any]) -> list[Any]:
    """The entries, files among them read. Raises UsageError naming the file, the entry and what is wrong in it."""
    rules: list[Any] = []
    for one in given:
        rules += _read(one) if isinstance(one, str) else [one]
    return rules


def looks_secret(command: Sequence[str]) -> bool:
    """Whether a secret seems to stand in a command itself; what is taken from the environment is none."""
    return is_secret_text(_OF_ENVIRONMENT.sub(" ", " ".join(command)))


def check_rules(rules: Sequence[HookRule]) -> None:
    """Raises ValueError where there are too many, or two have one name."""
    if len(rules) > MOST_RULES:
        raise ValueError(f"are {len(rules)}; at most {MOST_RULES} fit a plan")
    names = [rule.name for rule in rules]
    twice = next((name for name in names if names.count(name) > 1), None)
    if twice is not None:
        raise ValueError(f"name {twice} twice")


def _read(file: str) -> list[Any]:
    try:
        with Path(file).expanduser().open("rb") as opened:
            found = read_yaml(opened.read(SIZE_LIMIT + 1))
    except OSError as error:
        raise UsageError(
            f"the hooks {file} cannot be read: {error.strerror}",
            hint="--hooks takes a file; --annotated-hooks skip leaves out what annotations of pods ask for",
        ) from error
    except BadYamlError as error:
        raise UsageError(f"the hooks {file} cannot be read: {error}") from error
    if not isinstance(found, list):
        raise UsageError(f"the hooks {file} are no list", hint=_HINT)
    for place, entry in enumerate(found, start=1):
        _check(file, place, entry)
    return found


def _check(file: str, place: int, entry: Any) -> None:
    name = entry.get("name") if isinstance(entry, dict) else None
    called = f"hook {name}" if isinstance(name, str) and _NAME.fullmatch(name) else f"hook number {place}"
    try:
        HookRule.model_validate(entry)
    except ValidationError as error:
        first = error.errors(include_url=False, include_input=False)[0]
        where = ".".join(str(part).replace("_", "-") for part in first["loc"])
        told = first["msg"].removeprefix("Value error, ").replace("Input should", "should")
        raise UsageError(f"{file}, {called}: {f'{where}: ' if where else ''}{told}", hint=_HINT) from error
    except UsageError as error:
        raise UsageError(f"{file}, {called}: {error.message}", hint=error.hint) from error


def _underscored(given: Any) -> Any:
    """`on-error` is how people write `on_error`."""
    if not isinstance(given, Mapping):
        return given
    return {str(key).replace("-", "_"): value for key, value in given.items()}
