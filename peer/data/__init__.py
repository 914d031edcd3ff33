"""A peer's local tasks: drawn, imported, divided over peers, and kept in folders."""
