"""Networks as documents for what places peers on machines: an engine for containers, or systemd.

Pure functions: they make text of a network, the command line writes it.
"""
