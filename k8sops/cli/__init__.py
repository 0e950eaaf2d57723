"""The command line: it parses, asks, prints and maps errors to exit codes; everything else is the service's.

Importing `k8sops.cli.main` must stay cheap (help in a fifth of a second), so commands import what they need when
they are chosen.
"""
