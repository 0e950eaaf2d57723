"""What takes a run back, in the one dialog: its inverse as a plan of its own, never a replay."""

from __future__ import annotations

from k8sops.core.clock import Clock
from k8sops.core.run import Run
from k8sops.service.undoing import undo_of
from k8sops.tui.acting.dialog import ActionDialog
from k8sops.tui.acting.offers import Doing
from k8sops.tui.session import Session


def undo_dialog(connection: Session, clock: Clock, run: Run) -> ActionDialog:
    """The dialog for a run that has ended. Raises UsageError where no one plan takes it back."""
    action, params = undo_of(run)
    doing = Doing(
        action=action,
        params=params,
        title=f"Undo {run.plan.action}: {action}",
        reason=f"undo of run {run.id}",
    )
    return ActionDialog(connection, clock, doing)
