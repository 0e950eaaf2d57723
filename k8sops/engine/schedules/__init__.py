"""Schedules: when an action is due, and how each due time makes at most one run, however many replicas look.

Pure: `times` (cron on wall clocks), `words` (a schedule in a sentence), `spec` (what a user gives), `due` (what is to
be done now). SQL within one transaction: `table` (schedules), `ledger` (their firings), `claiming`. `firing` is the
loop a worker runs.
"""
