"""What the action `logs` is given of this installation: redaction, its own record, its folder, its repositories."""
