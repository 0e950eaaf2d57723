"""The base of every part of a policy file, and the kinds of text that stand in it."""

from __future__ import annotations

from typing import Annotated

from pydantic import BaseModel, ConfigDict, StringConstraints

from k8sops.core.params import PlainText


class Part(BaseModel):
    """Frozen, unknown keys refused, errors without the offending value."""

    model_config = ConfigDict(
        frozen=True,
        extra="forbid",
        hide_input_in_errors=True,
        str_strip_whitespace=True,
        validate_by_name=True,
        validate_by_alias=True,
        use_attribute_docstrings=True,
    )


Name = Annotated[PlainText, StringConstraints(min_length=1, max_length=253)]
Glob = Annotated[PlainText, StringConstraints(min_length=1, max_length=253)]
Sentence = Annotated[PlainText, StringConstraints(min_length=1, max_length=300)]
GroupName = Annotated[str, StringConstraints(pattern=r"^[A-Za-z0-9][A-Za-z0-9._@-]{0,62}$")]
RuleName = Annotated[str, StringConstraints(pattern=r"^[a-z0-9]([a-z0-9.-]{0,61}[a-z0-9])?$")]
Uid = Annotated[str, StringConstraints(pattern=r"^[A-Za-z0-9-]{1,64}$")]
Environment = Annotated[str, StringConstraints(pattern=r"^[a-z][a-z0-9-]{0,30}$")]
KeyId = Annotated[str, StringConstraints(pattern=r"^[0-9a-f]{16}$")]
PublicKeyText = Annotated[str, StringConstraints(pattern=r"^ed25519:[A-Za-z0-9+/]{43}=$")]
TeamId = Annotated[str, StringConstraints(pattern=r"^[TE][A-Z0-9]{1,30}$")]
ChatUserId = Annotated[str, StringConstraints(pattern=r"^[UW][A-Z0-9]{1,30}$")]
