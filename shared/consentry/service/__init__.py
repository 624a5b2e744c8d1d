"""Use cases: what can be done, once the gate has let it in."""
