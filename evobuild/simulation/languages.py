"""All languages but English in which the simulated engine can evolve and respond."""

from __future__ import annotations

from evobuild.simulation import asian, latin, scripts
from evobuild.simulation.bank import Bank

BANKS: dict[str, Bank] = {**asian.BANKS, **scripts.BANKS, **latin.BANKS}
