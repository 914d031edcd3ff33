"""Random networks for property tests: a spanning tree plus any further edges."""

from typing import get_args

from hypothesis import strategies as st

from topology.network import MixingRule, Network
from topology.yamlfile import validate

# Names that YAML would read as numbers, dates or switches are names like others.
PEER_NAMES = st.one_of(
    st.text("abcxyz019-", min_size=1, max_size=32),
    st.sampled_from(["1e5", "007", "on", "no", "null", "y", "2024-01-01", "-", "---", "0x1f", "1e-6"]),
)


MIXING_RULES = st.sampled_from(get_args(MixingRule))


@st.composite
def networks(draw, mixing=MIXING_RULES):
    names = draw(st.lists(PEER_NAMES, min_size=2, max_size=9, unique=True))
    tree = [(draw(st.integers(0, position - 1)), position) for position in range(1, len(names))]
    ends = st.integers(0, len(names) - 1)
    further = draw(st.sets(st.tuples(ends, ends).filter(lambda pair: pair[0] < pair[1]), max_size=12))
    edges = []
    for a, b in sorted({*tree, *further}):
        pair = draw(st.permutations([names[a], names[b]]))
        dial = draw(st.sampled_from([None, names[a], names[b]]))
        edges.append(pair if dial is None else {"peers": pair, "dial": dial})
    peers = {}
    for position, name in enumerate(names):
        own, next_ = (f"sha256:{number:064x}" for number in (2 * position, 2 * position + 1))
        fields = {
            "address": draw(
                st.sampled_from([None, f"127.0.0.1:{7000 + position}", f"[::1]:{7000 + position}"])
            ),
            "key": draw(st.sampled_from([None, own, [own, next_]])),
        }
        peers[name] = {field: value for field, value in fields.items() if value is not None}
    data = {
        "name": draw(st.text(min_size=1, max_size=64).filter(str.isprintable)),
        "mixing": draw(mixing),
        "peers": peers,
        "edges": draw(st.permutations(edges)),
    }
    return validate(Network, data)
