"""Actions on backups."""
