"""Translate errors of the hub into two lines: its message, and what to do; never the token."""

from __future__ import annotations

import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from evobuild.core.errors import UserError
from evobuild.models.redaction import Redaction
from evobuild.process.terminal import log

REASON = 300
"""Characters of a server's message that are shown."""
AGAIN = "run the same command again; finished uploads are kept"


@contextmanager
def translate_hub_errors(token: str) -> Iterator[None]:
    """Turn errors into UserError and warnings into log lines, with the token redacted."""
    import httpx2
    from huggingface_hub import errors

    hidden = Redaction([token])
    with warnings.catch_warnings(record=True) as said:
        warnings.simplefilter("always", UserWarning)
        try:
            yield
        except errors.HfHubHTTPError as error:
            raise UserError(_explain_refusal(error, hidden)) from error
        except (httpx2.HTTPError, errors.OIDCError, RuntimeError, ValueError, OSError) as error:
            cause = error.__cause__ if isinstance(error.__cause__, errors.HfHubHTTPError) else None
            raise UserError(
                _explain_refusal(cause, hidden) if cause else _explain_failure(error, hidden)
            ) from error
        finally:
            for each in said:
                log(f"warning: {hidden.shown(' '.join(str(each.message).split()))}")


def _explain_refusal(error: Any, hidden: Redaction) -> str:
    """Explain an HTTP error, and what to do."""
    status = error.response.status_code
    said = " ".join(str(error.server_message or error).split())
    advice = {
        401: "the token is not accepted, or may not see this repository; `hf auth login`, or set HF_TOKEN",
        403: "the token may not write there; take one that may, or another owner",
        404: "no such repository or branch, or the token may not see it",
        412: f"somebody else committed meanwhile; {AGAIN}",
        429: f"too many requests, also after retries; wait, then {AGAIN}",
    }.get(status, f"the hub is in trouble; {AGAIN}" if status >= 500 else "nothing was committed")
    return f"publish: {status}: {hidden.shown(said)[:REASON]}\n{advice}"


def _explain_failure(error: Exception, hidden: Redaction) -> str:
    said = " ".join(f"{error} {error.__cause__ or ''}".split()) or type(error).__name__
    without_xet = "xet-write-token" in said and "404" in said
    advice = (
        "this hub has no Xet: set HF_HUB_DISABLE_XET=1" if without_xet else f"nothing was committed; {AGAIN}"
    )
    return f"publish: {hidden.shown(said)[:REASON]}\n{advice}"
