import pytest

from topology.errors import InputError
from topology.foreign.gexf import read_gexf

# As Gephi 0.10 writes it: networkx 3.6 knows neither this version nor the format of its times.
GEPHI = """<?xml version="1.0" encoding="UTF-8"?>
<gexf xmlns="http://gexf.net/1.3" version="1.3" xmlns:viz="http://gexf.net/1.3/viz">
  <graph defaultedgetype="undirected" timeformat="double">
    <nodes>
      <node id="0" label="Homburg"><viz:size value="10.0"/></node>
      <node id="1" label="Köln"/>
      <node id="2" label="Mainz"/>
    </nodes>
    <edges>
      <edge id="0" source="0" target="1"/>
      <edge id="1" source="1" target="2"/>
    </edges>
  </graph>
</gexf>
"""


def read(text):
    return read_gexf(text.encode(), "f")


def test_the_file_that_gephi_writes():
    graph = read(GEPHI)
    assert graph.edges == (("Homburg", "Köln"), ("Köln", "Mainz"))
    assert graph.places["Mainz"] == "line 7"
    assert not graph.directed
    assert not graph.weighted


def test_weights_and_directions():
    assert read(GEPHI.replace('target="2"', 'target="2" weight="2"')).weighted
    assert read(GEPHI.replace("undirected", "directed")).directed
    assert read(GEPHI.replace('target="2"', 'target="2" type="directed"')).directed
    mutual = read(GEPHI.replace('target="2"', 'target="2" type="mutual"'))
    assert mutual.edges[1:] == (("Köln", "Mainz"), ("Mainz", "Köln"))


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        ('id="1" label', "label", "line 6: the attribute id is missing; each node has an id"),
        ('target="2"', "", "line 11: the attribute target is missing"),
        ('target="2"', 'target="7"', "line 11: no node has the id '7'; use one of: 0, 1, 2"),
        ('id="1" label', 'id="0" label', "line 6: '0' is also the id of another node; give each node"),
        ("<?xml", "?", "line 1: no XML .*; give a GEXF file"),
        ("<gexf", "<!DOCTYPE g []>\n<gexf", "line 2: .*document type.*; GEXF needs none"),
    ],
)
def test_what_is_no_gexf_is_refused_with_its_line(old, new, message):
    with pytest.raises(InputError, match=f"^f: {message}"):
        read(GEPHI.replace(old, new))


def test_a_file_without_a_graph_is_refused():
    with pytest.raises(InputError, match=r"^f: holds no graph"):
        read("<gexf/>")
