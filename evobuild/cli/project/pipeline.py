"""dvc.yaml of a project: its first stages depend on the library by evobuild.lock, in a line each.

In the library's own repository a stage before `resolve` names the folders that it reaches as deps, and the
settings of all others name them. In a project these folders are installed elsewhere, so their digests stand
in evobuild.lock, which DVC reads as a file of params:

    deps:                                    deps:
      - stages/seed.py                         - stages/seed.py
      - evobuild/core              gives     params:
      - evobuild/seeds                         - evobuild.lock: [core, seeds]
    params:                                    - seed
      - seed
"""

from __future__ import annotations

import re

_STAGES = re.compile(r"^stages:\n(?:(?: .*|#.*)?\n)*", re.MULTILINE)
_STAGE = re.compile(r"^  \w+:\n(?:(?:    .*)?\n)*", re.MULTILINE)
_FOLDER = re.compile(r"\bevobuild/(\w+)")
_DEP = re.compile(r"^ +- (?:evobuild/\w+|requirements\.lock)\n", re.MULTILINE)
_WHOLE = re.compile(r"^( +)- evobuild\n", re.MULTILINE)


def project_pipeline(text: str) -> str:
    """Give the library's dvc.yaml as a project's."""
    return _STAGES.sub(lambda stages: _STAGE.sub(lambda stage: _stage(stage[0]), stages[0]), text)


def _stage(text: str) -> str:
    """One stage, from its name to the next."""
    folders = _FOLDER.findall(text)
    if "requirements.lock" in text:
        folders.append("libraries")
    text = _DEP.sub("", text)
    if _WHOLE.search(text):
        return _WHOLE.sub(r"\1- evobuild.lock\n", text)
    if not folders:
        return text
    own = f"evobuild.lock: [{', '.join(folders)}]"
    if block := re.search(r"^( +)params:\n( +)- ", text, re.MULTILINE):
        return text.replace(block[0], f"{block[1]}params:\n{block[2]}- {own}\n{block[2]}- ", 1)
    outs = re.search(r"^( +)outs:", text, re.MULTILINE)
    assert outs, "every stage has outs or params"
    return text.replace(outs[0], f"{outs[1]}params:\n{outs[1]}  - {own}\n{outs[0]}", 1)
