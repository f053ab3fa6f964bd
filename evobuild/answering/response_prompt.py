"""How the responder is asked: as a user would ask, as the second paper does, or by a template of one's own.

What is stored, exported, trained on and scored is the row's own instruction and input, without any of it.
Source of the paper's: Hui et al. 2024, arXiv:2412.11231, Figure 16.
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
"""The folder, below that of all prompts, where templates of one's own lie."""


def response_template(prompt: str) -> str:
    """Give the template, by its name in the folder of prompts, that `respond.prompt` means.

    Instances: "paper" -> "respond/paper.jinja"; "prompts/respond/own.jinja" -> "respond/own.jinja".

    Raises BadParams if it is neither a shipped one nor a file in OWN of the folder of prompts.
    """
    if prompt in SHIPPED:
        return SHIPPED[prompt]
    path, own = Path(os.path.normpath(prompt)), prompt_file(OWN)
    name = path.relative_to(own.parent).as_posix() if own in path.parents else ""
    if not name or not (current_folder() / name).is_file():
        also = f"a template file in {own}/" + (", where this file is not" if path.exists() else "")
        raise BadParams(f"params.yaml: respond.prompt: {unknown_name('prompt', prompt, SHIPPED, also)}")
    return name
