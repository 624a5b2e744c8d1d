"""The rules: operations, approvals, the audit chain, checkpoints and signatures. No IO at all."""
