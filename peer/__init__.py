"""The peer service: programs, the round protocol, measurement and the runtime around them.

Importing this package limits the linear algebra libraries to one thread. Bits are promised between
equal profiles only, and the thread count is part of the profile: it must be fixed before numpy loads.
"""

import os

THREAD_VARIABLES = (
    "OPENBLAS_NUM_THREADS",
    "OMP_NUM_THREADS",
    "MKL_NUM_THREADS",
    "BLIS_NUM_THREADS",
    "VECLIB_MAXIMUM_THREADS",
)

for _variable in THREAD_VARIABLES:
    os.environ[_variable] = "1"

__version__ = "0.1.0"
