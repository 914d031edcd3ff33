"""Run specifications: what a run shall do; :mod:`peer.registry` reads and checks them before anything starts.

Every peer of a run holds the same specification; its canonical bytes are part of the run's digest. Each
algorithm has its own model with its own defaults.
"""

import json
from typing import Literal

from pydantic import BaseModel, ConfigDict, Field, field_validator

__all__ = [
    "AgreementSpec",
    "CoefficientsSpec",
    "DifAltgdminSpec",
    "InitSpec",
    "RunFailed",
    "RunSpec",
    "StepSpec",
    "canonical_spec",
]


class RunFailed(RuntimeError):
    """A run that began and could not be finished; the message says why."""


MOST = 2**31 - 1
"""Upper bound of every count: nobody means more, and status messages have room for it."""


class _Section(BaseModel):
    model_config = ConfigDict(
        frozen=True, extra="forbid", strict=True, allow_inf_nan=False, validate_default=True
    )


class AgreementSpec(_Section):
    """How peers average a value in each iteration."""

    rounds: int = Field(
        default=5, ge=1, le=MOST, description="Rounds of exchange with the neighbours in one agreement."
    )
    method: Literal["plain"] = Field(
        default="plain", description="plain: each round applies the mixing matrix once."
    )


class InitSpec(_Section):
    """How the first basis is found."""

    method: Literal["spectral"] = Field(
        default="spectral", description="spectral: truncated moments and a decentralised power method."
    )
    power_iterations: int = Field(default=20, ge=1, le=MOST, description="Iterations of the power method.")
    agreement_rounds: int = Field(
        default=20,
        ge=1,
        le=MOST,
        description="Rounds of each agreement of the initialisation, that of the threshold too.",
    )
    truncation: float = Field(
        default=9.0,
        gt=0,
        description="Responses whose square is above this multiple of the mean square are left out.",
    )


class StepSpec(_Section):
    """Size of the gradient steps."""

    c_eta: float = Field(
        default=0.4,
        gt=0,
        description="Step size times samples per task times the largest singular value squared.",
    )


class CoefficientsSpec(_Section):
    """The least squares of each task."""

    ridge: float = Field(
        default=0.0, ge=0, description="Added to the diagonal of each task's normal equations; 0 for none."
    )


class RunSpec(_Section):
    """What every run specification has."""

    version: Literal[1] = Field(default=1, description="Version of this format.")
    algorithm: str = Field(description="Name of the algorithm.")
    seed: int = Field(default=0, ge=0, lt=2**63, description="Seed of all random numbers of the run.")
    checkpoint_every: int = Field(
        default=1, ge=1, le=MOST, description="Iterations between two checkpoints of the main loop."
    )
    on_missing: Literal["wait"] = Field(
        default="wait", description="wait: a round waits for every neighbour, however long it takes."
    )

    @field_validator("on_missing", mode="before")
    @classmethod
    def _no_stale_values(cls, value: object) -> object:
        if value == "last":
            raise ValueError(
                "'last' (go on with a neighbour's newest value) is not available yet; use 'wait'"
            )
        return value


class DifAltgdminSpec(RunSpec):
    """Dif-AltGDmin: adapt by a gradient step, combine by an agreement, project onto orthonormal bases."""

    algorithm: Literal["dif-altgdmin"] = Field(default="dif-altgdmin", description="Name of the algorithm.")
    rank: int = Field(ge=1, le=MOST, description="Columns of the shared basis.")
    iterations: int = Field(ge=1, le=MOST, description="Most iterations of the main loop.")
    agreement: AgreementSpec = Field(default=AgreementSpec(), description="The agreement of each iteration.")
    init: InitSpec = Field(default=InitSpec(), description="The initialisation.")
    step: StepSpec = Field(default=StepSpec(), description="The gradient step.")
    coefficients: CoefficientsSpec = Field(
        default=CoefficientsSpec(), description="The least squares of each task."
    )
    tolerance: float | None = Field(
        default=None,
        gt=0,
        description="Stop when no peer's basis moves further than this in an iteration (Frobenius norm; columns have "
        "length 1): 1e-5, say, with many iterations. Small steps tell that a run is at its end only if features have "
        "about the same spread: import with --standardize.",
    )


def canonical_spec(spec: RunSpec) -> bytes:
    """Return the one JSON form of a specification: all fields, keys sorted, no spaces, UTF-8."""
    text = json.dumps(
        spec.model_dump(mode="json"),
        sort_keys=True,
        separators=(",", ":"),
        allow_nan=False,
        ensure_ascii=False,
    )
    return text.encode()
