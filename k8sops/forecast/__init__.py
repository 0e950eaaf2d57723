"""What the cluster would do, computed: the scheduler's placement and the budgets' arithmetic. Pure, no I/O."""
