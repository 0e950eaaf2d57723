"""The flags of retention, which `backup` and `backups prune` share, and what they say as a rule."""

from __future__ import annotations

from k8sops.backup.retention import Retention
from k8sops.core.params import Params, Seconds, option


class RetentionParams(Params):
    """How many backups are kept, by period (UTC), and for how long."""

    keep_last: int = option("Keep so many of the newest complete backups.", default=0, ge=0, le=100_000)
    keep_hourly: int = option(
        "Keep the newest of each of the last so many hours.", default=0, ge=0, le=100_000
    )
    keep_daily: int = option("Keep the newest of each of the last so many days.", default=0, ge=0, le=100_000)
    keep_weekly: int = option(
        "Keep the newest of each of the last so many weeks.", default=0, ge=0, le=100_000
    )
    keep_monthly: int = option(
        "Keep the newest of each of the last so many months.", default=0, ge=0, le=100_000
    )
    keep_yearly: int = option(
        "Keep the newest of each of the last so many years.", default=0, ge=0, le=100_000
    )
    ttl: Seconds = option(
        "Keep all that are younger, as in 720h; what none of these flags keeps goes, but never the last good one.",
        metavar="DURATION",
        default=0,
        ge=0,
    )

    @property
    def retention(self) -> Retention:
        """The rule; one that keeps everything where no flag was given."""
        return Retention(
            last=self.keep_last,
            hourly=self.keep_hourly,
            daily=self.keep_daily,
            weekly=self.keep_weekly,
            monthly=self.keep_monthly,
            yearly=self.keep_yearly,
            ttl_s=self.ttl,
        )
