"""Names that a data file brings: they enter tables in git, plots, pages and terminals, so they are tame."""

from __future__ import annotations

import re
import unicodedata

LONGEST = 40
"""Characters of a name."""

_BETWEEN = " _/+.-"
"""What may stand between words, and so neither first nor last."""


def safe_name(text: str) -> str:
    """Give a name of letters, marks and digits of any script, and of blanks and `_ / + . -` between them.

    What else the text has becomes `_`, and of a long one the beginning stays; '' if nothing is left. A safe
    name stays as it is. Instances: 'code' -> 'code', '=cmd|calc' -> 'cmd_calc', '<b>Q&A' -> 'b_Q_A'.
    """
    # Enough to read a name from, however long the text is.
    plain = " ".join(unicodedata.normalize("NFKC", text[: 16 * LONGEST]).split())
    tame = "".join(
        each if each in _BETWEEN or unicodedata.category(each)[0] in "LMN" else "\0" for each in plain
    )
    return re.sub("\0+", "_", tame).strip(_BETWEEN)[:LONGEST].rstrip(_BETWEEN)
