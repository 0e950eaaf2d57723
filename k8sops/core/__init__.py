"""The words every other room shares: params, plans, events, runs, errors and ports.

No module here does I/O or imports a client library. Import from the module that owns the word
(`k8sops.core.plan`, `k8sops.core.ports`), so that a door pays only for what it names.
"""
