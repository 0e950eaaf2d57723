"""`python -m k8sops`: the same as the console script."""

from k8sops.cli.main import entry

if __name__ == "__main__":
    entry()
