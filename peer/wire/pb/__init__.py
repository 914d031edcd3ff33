"""Code generated from ``proto/`` by ``tools/generate_proto.py``; only :mod:`peer.wire` imports it."""
