"""An action that the program does not have: what it takes, and what it would declare of itself."""

from __future__ import annotations

from typing import Final

from k8sops.actions.declared.on_rows import RowOffer
from k8sops.actions.declared.spec import ActionSpec, Verb
from k8sops.core.params import Params, PlainText, option, positional
from k8sops.core.risk import Risk


class BlessParams(Params):
    """Whom, and in whose name."""

    pods: tuple[PlainText, ...] = positional("Pods, by name.", metavar="POD...", default=())
    saint: str = option("In whose name.", default="")


BLESS: Final = ActionSpec(
    name="bless",
    module=__name__,
    action_class="",
    params_class="BlessParams",
    summary="Wish pods well.",
    details="They do not run longer for it.",
    examples=("k8sops bless web-0 -n shop",),
    risks=(Risk.LOW,),
    idempotent=True,
    policy_key="pod.bless",
    verbs=(Verb(verb="patch", resource="pods"),),
    # The screen has a use of its own for `n` on every other kind.
    on_rows=(
        RowOffer(
            kinds=("pods", "ingresses"), label="Bless", keys=("n", "f9"), rows_as="pods", written="name"
        ),
    ),
)
