"""The peers' clocks as a table, where messages had to tell what they show."""

from math import isfinite

from peer.report.anatomy import Anatomy, ClockTold
from peer.report.html import table
from peer.report.wording import ms

__all__ = ["clocks_table"]


def clocks_table(anatomy: Anatomy) -> str:
    """Make a table of what each clock shows beyond the axis.

    Parameters
    ----------
    anatomy : Anatomy
        Of the run.

    Returns
    -------
    str
        HTML; empty where all peers had one clock, or no clocks explain the messages.
    """
    if not anatomy.clocks or not anatomy.consistent:
        return ""
    head = ("clock of", "beyond the axis", "rate beyond the axis", "known to")
    return table(head, [_row(anatomy, clock) for clock in anatomy.clocks], numbers=True)


def _row(anatomy: Anatomy, clock: ClockTold) -> tuple[str, str, str, str]:
    several = sum(other.peer == clock.peer for other in anatomy.clocks) > 1
    name = f"{clock.peer}, from start {clock.starts[0]} on" if several else clock.peer
    if not isfinite(clock.uncertainty_ms):
        return name, "not known", "", ""
    if clock.uncertainty_ms == 0:
        return name, "the axis", "", ""
    return name, f"{clock.offset_s:+.6f} s", f"{clock.skew_ppm:+.1f} ppm", ms(clock.uncertainty_ms)
