"""Test files that take longest, so that `make test` begins with them: whatever is begun last has the others wait.

By `pytest --durations`, on two cores; a file is worth a line from about half a minute.
"""

from __future__ import annotations

from typing import Final

LONGEST_FIRST: Final = (
    "service/history/test_history.py",
    "slack/processes/test_killed.py",
    "cli/test_tour.py",
    "cli/test_demo_slack.py",
    "actions/drain/test_like_kubectl.py",
    "screenshots/test_pictures.py",
    "actions/drain/test_execution_takeover.py",
    "sandbox/test_killed.py",
    "engine/test_chaos.py",
    "cli/test_worker_command.py",
    "service/test_hostile_laptop.py",
    "cli/test_restore_command.py",
    "sandbox/test_lifecycle.py",
    "sandbox/test_large.py",
    "sandbox/test_played_metrics.py",
    "sandbox/test_seed.py",
    "actions/drain/test_execution_trouble.py",
    "actions/rollouts/test_rollouts.py",
    "cli/test_terminal.py",
    "actions/drain/test_execution.py",
    "actions/scaling/test_scaling.py",
    "cli/test_runs_command.py",
    "actions/restore/test_cut_restore.py",
    "backup/storage/test_configured.py",
    "store/test_processes.py",
    "engine/test_crash_points.py",
    "engine/schedules/test_chaos.py",
    "actions/drain/test_plan_on_cluster.py",
    "sandbox/test_exec.py",
    "sandbox/test_only_loopback.py",
    "sandbox/test_chaos.py",
    "slack/flows/test_clusters.py",
    "slack/flows/test_storms.py",
    "service/test_schedules.py",
    "engine/test_embedded_carrier.py",
    "actions/restore/test_round_trip.py",
    "sandbox/test_stock_clients.py",
    "engine/schedules/test_firing.py",
    "sandbox/test_shared_control_plane.py",
    "engine/test_signed_runs.py",
    "cli/test_grants_command.py",
    "cli/test_nightly_backups.py",
    "cli/test_votes_command.py",
    "actions/drain/test_execution_chaos.py",
    "sandbox/test_confinement.py",
    "tui/test_snapshots.py",
    "tui/test_browse.py",
    "cli/test_commands.py",
    "engine/test_unanswered_on_cluster.py",
    "engine/test_signed_crash_points.py",
    "cluster/test_watch_real.py",
    "service/test_api_server_restart.py",
)
"""Below `tests`, longest first."""
