"""A call's arguments, from whichever encoding they came in.

Slack takes JSON bodies only for some methods: elsewhere a JSON body is as good as none, which is how a wrong encoding
shows. Structures inside forms and queries are JSON strings.
"""

from __future__ import annotations

import json
from typing import Any

from aiohttp import web

from k8sops_local_slack.refusals import Refusal, bad_arguments


class Arguments:
    """What a method was called with."""

    def __init__(self, fields: dict[str, Any]) -> None:
        self.fields = fields

    def text(self, name: str) -> str:
        """Give a required string."""
        value = self.maybe(name)
        if value is None:
            raise bad_arguments(f"missing required field: {name}")
        return value

    def maybe(self, name: str) -> str | None:
        """Give a string, or None where it is missing or empty."""
        value = self.fields.get(name)
        if value is None or value == "":
            return None
        return str(value)

    def number(self, name: str, default: int) -> int:
        """Give a whole number."""
        value = self.maybe(name)
        if value is None:
            return default
        try:
            return int(value)
        except ValueError:
            raise bad_arguments(f"must be a number: {name}") from None

    def flag(self, name: str, *, default: bool = False) -> bool:
        """Give a boolean, as JSON or forms write it."""
        value = self.maybe(name)
        return default if value is None else value.lower() in {"1", "true"}

    def structure(self, name: str, refused_as: str = "invalid_arguments") -> Any:
        """Give a JSON structure, also where it came as a string; None where it is missing."""
        value = self.fields.get(name)
        if not isinstance(value, str):
            return value
        try:
            return json.loads(value) if value else None
        except ValueError:
            raise Refusal(refused_as) from None

    def listed(self, name: str) -> list[str]:
        """Give a comma-separated list."""
        return [part.strip() for part in (self.maybe(name) or "").split(",") if part.strip()]


async def read_arguments(request: web.Request, *, json_allowed: bool) -> Arguments:
    """Read the arguments of a request: query, form, or JSON where the method takes it."""
    fields: dict[str, Any] = dict(request.query)
    fields.pop("token", None)
    if request.content_type == "application/json":
        if json_allowed and request.can_read_body:
            fields.update(await _json_body(request))
    elif request.method == "POST":
        fields.update(
            {name: value for name, value in (await request.post()).items() if isinstance(value, str)}
        )
    return Arguments(fields)


async def _json_body(request: web.Request) -> dict[str, Any]:
    try:
        body = json.loads(await request.text())
    except ValueError:
        raise Refusal("invalid_json") from None
    if not isinstance(body, dict):
        raise Refusal("json_not_object")
    return body
