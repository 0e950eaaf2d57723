"""Tests of the audit trail's form: records, chain, checkpoints, exports, verification."""
