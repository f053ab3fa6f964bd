"""The params that `explain` reads."""

from __future__ import annotations

from evobuild.answering.params import Respond
from evobuild.autoif.params import AutoIF
from evobuild.core.params import RendersPrompts
from evobuild.reporting.params import ReportParams
from evobuild.sandbox.params import Limits


class ExplainParams(ReportParams, RendersPrompts):
    """Every section that the history of a row may need."""

    autoif: AutoIF
    respond: Respond
    sandbox: Limits
