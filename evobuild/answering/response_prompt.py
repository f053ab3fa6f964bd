"""Choose the responder's prompt: plain, as in the second paper, or a template of the user's own.

Only the prompt changes: stored, exported, trained and scored rows have the instruction and input alone.
Source of the paper's prompt: Hui et al. 2024, arXiv:2412.11231, Figure 16.
"""

from __future__ import annotations

import os
from pathlib import Path

from evobuild.core.conversation import PLAIN
from evobuild.core.errors import BadParams
from evobuild.core.prompts import current_folder, prompt_file
from evobuild.core.suggestions import unknown_name

SHIPPED = {"plain": PLAIN, "paper": "respond/paper.jinja"}
OWN = "respond"
"""Folder of the user's own templates, below the folder of all prompts."""


def response_template(prompt: str) -> str:
    """Return the template of `respond.prompt`, by its name in the folder of prompts.

    Examples: "paper" -> "respond/paper.jinja"; "prompts/respond/own.jinja" -> "respond/own.jinja".

    Raises BadParams if it is neither a shipped template nor a file in OWN of the folder of prompts.
    """
    if prompt in SHIPPED:
        return SHIPPED[prompt]
    path, own = Path(os.path.normpath(prompt)), prompt_file(OWN)
    name = path.relative_to(own.parent).as_posix() if own in path.parents else ""
    if not name or not (current_folder() / name).is_file():
        also = f"a template file in {own}/" + (", which does not contain this file" if path.exists() else "")
        raise BadParams(f"params.yaml: respond.prompt: {unknown_name('prompt', prompt, SHIPPED, also)}")
    return name
