"""The functions take the params that the project comes with, whatever stands in those of the workspace."""

from __future__ import annotations

import pytest
from workspace import SHIPPED_PARAMS

from evobuild.api import settings
from evobuild.core.yaml_files import read_yaml


@pytest.fixture(autouse=True)
def _shipped_params(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(settings, "_shipped_params", lambda: read_yaml(SHIPPED_PARAMS))
