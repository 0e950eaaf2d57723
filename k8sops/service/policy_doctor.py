"""The policy in a few plain sentences, for `doctor`: which one holds, what it makes of changes, what will not work."""

from __future__ import annotations

from collections.abc import Iterator

from k8sops.core.errors import K8sOpsError
from k8sops.core.risk import Risk
from k8sops.policy.deciding import asked_in_words
from k8sops.policy.policy import Policy
from k8sops.service.config import Config
from k8sops.service.doctor import Check
from k8sops.service.policies import policy_of
from k8sops.service.policy_desk import cautions, in_a_sentence

SUBJECT = "policy"


def policy_checks(config: Config) -> Iterator[Check]:
    """Sentences about the policy of this process."""
    try:
        policy = policy_of(config)
    except K8sOpsError as error:
        yield Check(
            level="failure", subject=SUBJECT, text=error.message, hint=error.hint, exit_code=error.exit_code
        )
        return
    if policy.shipped:
        yield Check(
            level="ok",
            subject=SUBJECT,
            text="no team policy is configured, so the shipped one holds: it knows nobody, and asks for no approvals",
        )
    else:
        yield Check(level="ok", subject=SUBJECT, text=f"{config.policy} is in force: {in_a_sentence(policy)}")
    yield Check(level="ok", subject=SUBJECT, text=_baseline(policy))
    for caution in cautions(policy.file):
        yield Check(level="warning", subject=SUBJECT, text=caution)


def _baseline(policy: Policy) -> str:
    """What each risk takes at the least."""
    if policy.read_only:
        return "it is read-only: every change is denied"
    told = (
        f"{risk}: {asked_in_words(getattr(policy.file.baseline, risk))}"
        for risk in Risk
        if risk is not Risk.READ
    )
    more = "; rules add to it" if policy.file.rules or policy.file.freezes else ""
    return f"at the least it takes, for a change of risk {', '.join(told)}{more}"
