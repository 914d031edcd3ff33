"""Tables to be refused."""

import numpy as np
import pytest

from peer.data.importing import ImportOptions, import_table
from topology.errors import InputError

OPTIONS = {"task": "school", "target": "score", "features": ("intake", "age"), "peers": ("p0", "p1")}
ARRAYS = {
    "X": np.array([[1.0, 2.0], [3.0, 5.0], [0.0, 1.0], [2.0, 2.0]]),
    "y": np.array([1.0, 2.0, 3.0, 4.0]),
    "task": np.array([1, 1, 2, 2]),
}


def refused(file, **options):
    with pytest.raises(InputError) as caught:
        import_table(file, ImportOptions(**options))
    error = caught.value
    assert error.file == str(file)
    assert error.field
    assert error.mend
    return error
