"""Make the tutorial's table: pumps at three sites, how much power each of them takes.

Every pump is a task of its own: its power depends on what it does by coefficients that only it has. But all pumps are
built alike, so the coefficients lie near a plane: two directions of the eight features are enough for all of them. Few
rows of each pump are known, too few to learn eight coefficients well for each pump alone.

Example: ``python examples/tutorial/make_machines.py machines.csv new.csv``
"""

import csv
import sys
from pathlib import Path

import numpy as np

FEATURES = ("flow", "pressure", "speed", "temperature", "humidity", "viscosity", "valve", "vibration")
SITES = {"harbour": 10, "north": 8, "valley": 6}
ROWS, NEW_ROWS, NOISE = 16, 4, 0.3


def main(known: Path, new: Path) -> None:
    """Write the table to learn from, and one of later rows."""
    rng = np.random.default_rng(7)
    basis, _ = np.linalg.qr(rng.standard_normal((len(FEATURES), 2)))
    with known.open("w", newline="") as old, new.open("w", newline="") as later:
        tables = [csv.writer(file, lineterminator="\n") for file in (old, later)]
        for table in tables:
            table.writerow(("site", "pump", *FEATURES, "power"))
        for site, pumps in SITES.items():
            for pump in range(1, pumps + 1):
                coefficients = basis @ (rng.standard_normal(2) * (3.0, 1.5))
                for row in range(ROWS + NEW_ROWS):
                    x = rng.standard_normal(len(FEATURES))
                    power = x @ coefficients + NOISE * rng.standard_normal()
                    values = (f"{value:.3f}" for value in (*x, power))
                    tables[row >= ROWS].writerow((site, f"{site}-{pump}", *values))


if __name__ == "__main__":
    main(Path(sys.argv[1]), Path(sys.argv[2]))
