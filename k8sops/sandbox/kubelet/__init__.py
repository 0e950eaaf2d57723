"""The kubelet of all simulated nodes: logs made up as they are read, commands run in confined rooms, ports forwarded.

`server` answers the API server; `remote` speaks exec and attach, `rooms` and `confined` keep what they start away
from the machine; `egress` is the road on which the API server reaches nodes and pods. Nothing is imported here:
`confined` runs as a script of its own and must stay light.
"""
