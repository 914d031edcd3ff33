"""The shell around the machine: asyncio, gRPC, threads, files and clocks.

One process, one loop, one thread for programs and one for the disk. What happens is fed to the
:class:`~peer.protocol.machine.PeerMachine` as events, and its effects are carried out in order.
"""

import os

# Read by gRPC when it is imported. Fork support is off: nothing here forks after gRPC has threads, and its fork
# handlers have dead-locked (grpc/grpc#18321, #38020). gRPC's own lines on stderr would be neither readable nor
# JSON, and tell addresses without peers: our log says what matters. Whoever debugs gRPC sets GRPC_VERBOSITY.
os.environ.setdefault("GRPC_ENABLE_FORK_SUPPORT", "0")
os.environ.setdefault("GRPC_VERBOSITY", "NONE")
