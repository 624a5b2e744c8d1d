"""A cloud on this machine, for rehearsals: it takes what Azure would take and refuses the rest.

A stand-in for Azure's own Pulumi provider, never a part of a deployment.
"""
