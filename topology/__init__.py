"""The network: peers, edges, mixing weights, and the files they are kept in."""
