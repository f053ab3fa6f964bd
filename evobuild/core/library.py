"""The installed library: where its template of a project is.

In a wheel the template is `evobuild/template`: dvc.yaml, params.yaml, stages, prompts, presets and sample
data, as they are shipped. In a checkout it is the checkout itself.
"""

from __future__ import annotations

from pathlib import Path

PACKAGE = Path(__file__).parents[1]


def template_folder() -> Path:
    """Find the shipped files of a new project: in the installed library, or in its checkout."""
    installed = PACKAGE / "template"
    return installed if installed.is_dir() else PACKAGE.parent
