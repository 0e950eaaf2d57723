"""What is taken out of texts here, for `doctor`: whether the rules can be used, and whether the key is the owner's.

Only reads: where there is no key yet, none is made.
"""

from __future__ import annotations

import secrets
from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, Final

from k8sops.core.errors import K8sOpsError
from k8sops.core.redaction import RedactionSettings
from k8sops.service.config import Config, data_folder
from k8sops.service.doctor import Check
from k8sops.service.redactors import KEY_FILE

if TYPE_CHECKING:
    from k8sops.redact.settings import Allowed

SUBJECT: Final = "redaction"


def redaction_checks(config: Config) -> Iterator[Check]:
    """Sentences about redaction in this process. Blocks: patterns are compiled, the key is read."""
    from k8sops.redact import load_redactor
    from k8sops.redact.settings import Allowed, own_rules

    chosen = config.redaction
    path = data_folder() / KEY_FILE
    try:
        own_rules(chosen)
        allowed = Allowed(chosen)
        if path.exists():
            load_redactor(path)
    except K8sOpsError as error:
        yield Check(
            level="failure", subject=SUBJECT, text=error.message, hint=error.hint, exit_code=error.exit_code
        )
        return
    yield Check(level="ok", subject=SUBJECT, text=in_a_sentence(chosen))
    if _lets_all_stay(allowed):
        yield Check(
            level="warning",
            subject=SUBJECT,
            text="an entry of redaction.allow_patterns fits any value, so that no secret is taken out",
            hint="it has to describe whole values that are no secrets, such as demo-[a-z]+",
        )


def in_a_sentence(chosen: RedactionSettings) -> str:
    """What is taken out, beside what always is."""
    also = [f"by {_counted(chosen.rules, 'rule')} of your own"] if chosen.rules else []
    also += ["e-mail addresses"] * chosen.emails + ["IP addresses"] * chosen.addresses
    stays = [_counted(chosen.allow, "value")] if chosen.allow else []
    stays += [f"what fits {_counted(chosen.allow_patterns, 'pattern')}"] if chosen.allow_patterns else []
    said = ["secrets are taken out of what is recorded, sent to a chat and bundled"]
    said += [f"also {', '.join(also)}"] if also else []
    said += [f"allowed to stay: {', '.join(stays)}"] if stays else []
    return "; ".join(said)


def _counted(some: Sequence[object], what: str) -> str:
    return f"{len(some)} {what}{'' if len(some) == 1 else 's'}"


def _lets_all_stay(allowed: Allowed) -> bool:
    """Whether values that nobody can have meant are allowed."""
    return all(value.encode() in allowed for value in (secrets.token_hex(12), secrets.token_urlsafe(33)))
