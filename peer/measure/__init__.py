"""What a run costs and how it goes: the ledger, sockets' counters, the anatomy of rounds, the summary."""
