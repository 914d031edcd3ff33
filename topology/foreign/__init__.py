"""Networks in other programs' files: edge lists, DecentralizePy's, GraphML, node-link JSON."""
