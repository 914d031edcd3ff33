"""Seeded faults: whole networks of round machines under crashes, cuts, late disks and rival submits.

``python -m peer.simulate.faults --seeds 0:2000`` runs a campaign, ``--seed 17`` replays one seed and prints its
last events. Everything is drawn from the seed: the same seed gives the same run.
"""
