"""Networks in other programs' files: edge lists, DecentralizePy's, GraphML, GEXF, GML, node-link JSON."""
