import numpy as np
from own_pca import OWN_PCA, OwnPcaSpec

from peer.algorithms.subspace import subspace_distance
from peer.testing import check_program, made_up_tasks, run_block
from topology.shipped import shipped_network

NETWORK = shipped_network("star6")
TASKS = made_up_tasks(NETWORK, rank=2)


def test_it_keeps_the_contract():
    check_program(OWN_PCA, TASKS, OwnPcaSpec(algorithm="own-pca", rank=2, iterations=4), NETWORK)


def test_every_peer_finds_what_one_computer_with_all_data_would():
    spec = OwnPcaSpec(algorithm="own-pca", rank=2, iterations=300, agreement_rounds=8)
    found = run_block(OWN_PCA.program, TASKS(NETWORK.names), spec, NETWORK).result["U"]
    peers = [TASKS(NETWORK.names).peer(row) for row in range(6)]
    M = np.array([p.X[rows].T @ p.y[rows] / len(p.y[rows]) for p in peers for rows in p.tasks])
    central = np.linalg.eigh(M.T @ M)[1][:, -2:]
    assert subspace_distance(found, central).max() < 1e-6
