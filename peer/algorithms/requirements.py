"""What a run needs of the data, checked before it starts."""

from peer.config import DifAltgdminSpec, RunSpec

__all__ = ["requirements"]


def requirements(spec: RunSpec, dim: int, num_tasks: int, min_samples: int) -> str | None:
    """Say why a run cannot work on the data at hand.

    Parameters
    ----------
    spec : RunSpec
        What shall run.
    dim : int
        Features d.
    num_tasks : int
        Tasks of the whole network.
    min_samples : int
        Rows of the smallest task.

    Returns
    -------
    str or None
        The reason, with the specification's field and the mend; None where the data suffices.
    """
    if not isinstance(spec, DifAltgdminSpec):
        return None
    if spec.rank > dim:
        return f"rank: {spec.rank} is above the dimension {dim} of the data; use a rank of at most {dim}"
    if spec.rank > num_tasks:
        return (
            f"rank: {spec.rank} is above the number of tasks in the network, {num_tasks}; "
            f"use a rank of at most {num_tasks}"
        )
    if min_samples < spec.rank and spec.coefficients.ridge == 0:
        return (
            f"rank: {spec.rank} is above the rows of the smallest task, {min_samples}, without a ridge; "
            f"use a rank of at most {min_samples}, or set coefficients.ridge above 0"
        )
    return None
