"""Who a peer is: its key, the certificates of that key, and the pins in the network file that say whom to believe.

Nothing here knows gRPC or a clock that ticks: keys and certificates are read, made and checked.
"""
