"""The development host: runs a function app on this machine, against Azurite."""
