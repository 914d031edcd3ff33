"""What a peer keeps on disk: one folder, one kind of file, and what is read from it when the peer starts again.

No loop and no threads: :mod:`peer.runtime.store` decides what is written when, and by which thread.
"""
