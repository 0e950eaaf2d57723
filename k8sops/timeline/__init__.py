"""From facts of a cluster, its logs and our own record to one line of time, as text and as a page. Pure: no I/O."""
