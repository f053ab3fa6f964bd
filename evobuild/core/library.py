"""The library as it is installed: where its template of a project lies.

In a wheel the template is `evobuild/template`: dvc.yaml, params.yaml, stages, prompts, presets and sample
data, as they are shipped. In a checkout it is the checkout itself.
"""

from __future__ import annotations

from pathlib import Path

PACKAGE = Path(__file__).parents[1]


def template_folder() -> Path:
    """Where what a project begins with lies as it is shipped: in the installed library, or its checkout."""
    installed = PACKAGE / "template"
    return installed if installed.is_dir() else PACKAGE.parent
