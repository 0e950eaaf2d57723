"""Scale: workloads to a number, a namespace to zero, and exactly back; with what would undo it found beforehand."""
