"""An S3 server for all tests of sharing."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from s3_server import KEYS, s3_server


@pytest.fixture(scope="session")
def s3() -> Iterator[str]:
    """The URL of an S3 server that has the bucket `shared`; what a client needs is in the environment."""
    with s3_server("shared") as url, pytest.MonkeyPatch.context() as patch:
        for name, value in KEYS.items():
            patch.setenv(name, value)
        yield url
