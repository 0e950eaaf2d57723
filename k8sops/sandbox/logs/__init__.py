"""What the sandbox's containers say: `lives` tells which life of a container a log is of, `scripts`, `hostile` and
`bulk` what is said in it, `moments` when, and `reading` which part of it a client is given.

A line is a function of the pod, the container, its restart and the line's number: nothing is written ahead or stored,
and any part of a log can be made without the parts before it.
"""
