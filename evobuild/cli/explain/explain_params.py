"""What `explain` reads of params.yaml."""

from __future__ import annotations

from evobuild.answering.params import Respond
from evobuild.autoif.params import AutoIF
from evobuild.core.params import RendersPrompts
from evobuild.reporting.params import ReportParams
from evobuild.sandbox.params import Limits


class ExplainParams(ReportParams, RendersPrompts):
    """All that the life of a row may be told from."""

    autoif: AutoIF
    respond: Respond
    sandbox: Limits
