"""The section `sandbox` of params.yaml: what one sandbox may use."""

from __future__ import annotations

from typing import Annotated

from evobuild.core.params import Between, Section


class Limits(Section):
    """What one sandbox may use; a function that needs more gets no verdict.

    seconds: wall clock from its start to its last answer. memory: of its address space, in MiB, the
    interpreter's own 30 included. output: bytes of all its answers. modules: those it may import, by
    their first name; null is the whole standard library, and nothing else is ever visible.
    allow_weaker_isolation: run where the machine offers no isolation but a process of its own.
    """

    seconds: Annotated[float, Between(0.01, 3600)] = 2.0
    memory: Annotated[int, Between(64, 65536)] = 256
    output: Annotated[int, Between(1024, 2**30)] = 65536
    modules: list[str] | None = None
    allow_weaker_isolation: bool = False


class Sections(Section):
    sandbox: Limits
