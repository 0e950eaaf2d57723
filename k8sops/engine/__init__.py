"""Durable runs: proposed, voted on, carried under a lease, followed from anywhere, recorded in one chain.

The engine composes store, audit, policy and actions, each change within one transaction. Doors reach it through
`k8sops.service` alone.
"""
