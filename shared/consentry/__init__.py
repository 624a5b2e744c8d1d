"""Consentry: face verification and face redaction under approval, consent and audit."""

__version__ = "0.1.0"
