"""Check params.yaml before anything runs: every key, and what the keys say of one another.

Its out is constant, so that a harmless edit of params.yaml reruns only this stage.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from evobuild.core.stage import Out, log, run

if TYPE_CHECKING:
    from evobuild.core.params import Params


def main(params: Params, checked: Out) -> None:
    from evobuild.cli.check import consistency
    from evobuild.models import roles

    consistency.check(params)
    if roles.is_dry_run(params):
        log("DRY RUN: a chat role is simulated; nothing that comes of it is a result")
    checked.write_text("params.yaml is sound\n", encoding="utf-8")


if __name__ == "__main__":
    run(main, reads=None)
