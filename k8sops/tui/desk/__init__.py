"""The desk's own screens: schedules, backups, the audit trail, policy and settings, all of one shape."""
