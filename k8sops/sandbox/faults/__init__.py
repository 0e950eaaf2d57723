"""Trouble on demand: a reverse proxy that fails requests, paused processes, and nodes that go away.

`proxy`, `rules` and `streams` are the proxy itself, which the project's tests use as well; the rest is the process
`chaos` of a sandbox, which holds every fault it makes and ends it in time.
"""
