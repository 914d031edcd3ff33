"""Peers' data for tests."""

import numpy as np
from hypothesis import strategies as st

from peer.data.local import LocalData, Preparation, Task, from_tasks

TASK_ID = st.text(st.characters(codec="utf-8", exclude_categories=("Cs", "Cc")), min_size=1, max_size=6)
NUMBER = st.floats(allow_nan=False, allow_infinity=False)


@st.composite
def local_data(draw: st.DrawFn) -> LocalData:
    dim = draw(st.integers(1, 4))
    held = draw(st.booleans())
    numbers = np.array(draw(st.lists(NUMBER, min_size=1, max_size=20)))

    def values(*shape: int) -> np.ndarray:
        return np.resize(numbers, shape)

    tasks = []
    for task_id in draw(st.lists(TASK_ID | st.integers().map(str), min_size=1, max_size=5, unique=True)):
        n, m = draw(st.integers(1, 5)), draw(st.integers(0, 4))
        rest = (values(m, dim), values(m)) if held else (None, None)
        tasks.append(Task(task_id, values(n, dim), values(n), *rest))
    preparation = Preparation(task="t", target="y", mean=(0.1,) * dim, scale=(1e-300,) * dim)
    features = tuple(f"f{i}" for i in range(dim))
    return from_tasks(tasks, features, draw(st.sampled_from([None, preparation])))


def small(task_ids: tuple[str, ...] = ("1", "2"), dim: int = 3, seed: int = 0, held: int = 0) -> LocalData:
    rng = np.random.default_rng(seed)
    tasks = [
        Task(
            task_id,
            rng.standard_normal((4 + i, dim)),
            rng.standard_normal(4 + i),
            *((rng.standard_normal((held, dim)), rng.standard_normal(held)) if held else (None, None)),
        )
        for i, task_id in enumerate(task_ids)
    ]
    return from_tasks(tasks, tuple(f"x{i}" for i in range(dim)))


def assert_same(one: LocalData, other: LocalData) -> None:
    assert (one.task_ids, one.features, one.preparation) == (
        other.task_ids,
        other.features,
        other.preparation,
    )
    for name in ("task_ptr", "X", "y", "holdout_ptr", "X_holdout", "y_holdout"):
        a, b = getattr(one, name), getattr(other, name)
        assert (a is None) == (b is None), name
        if a is not None:
            assert (a.dtype, a.shape, a.tobytes()) == (b.dtype, b.shape, b.tobytes()), name
            assert b.flags.c_contiguous
