"""Container logs of many pods: which there are, their lines in order, across restarts and broken connections.

Stands on `cluster` and `core`; followed by the doors through the service, and read into bundles by the action `logs`.
"""
