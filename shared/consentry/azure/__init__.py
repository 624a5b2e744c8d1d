"""Adapters: blobs, append blobs, tables and keys of Azure, and of its emulator."""
