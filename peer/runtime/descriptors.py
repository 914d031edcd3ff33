"""Descriptors: strangers may use some of a peer's, and never those that its files need."""

import sys

__all__ = ["MOST_CONNECTIONS", "most_connections"]

MOST_CONNECTIONS = 4096
"""That come in, at a time: of strangers, too, each until its handshake has failed or taken too long."""


def most_connections() -> int:
    """Raise this process's limit of open files as far as it may, and say how many connections may come in.

    Without a bound, connections that say nothing would use up all descriptors, and the next checkpoint could not be
    opened: the peer would stop for that.

    Returns
    -------
    int
        At most `MOST_CONNECTIONS`, and at most half of the descriptors.
    """
    if sys.platform == "win32":
        return MOST_CONNECTIONS
    import resource  # not there on Windows

    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    wanted = 2 * MOST_CONNECTIONS
    if soft != resource.RLIM_INFINITY and soft < wanted:
        soft = wanted if hard == resource.RLIM_INFINITY else min(wanted, hard)
        resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))
    return MOST_CONNECTIONS if soft == resource.RLIM_INFINITY else min(MOST_CONNECTIONS, soft // 2)
