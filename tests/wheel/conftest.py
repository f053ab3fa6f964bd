"""An environment with the wheel, and with the libraries of the one that runs the tests.

None of its activation, and nothing of the checkout, is in sight.
"""

from __future__ import annotations

import sys
import sysconfig
import venv
from pathlib import Path

import patience
import pytest
from workspace import ROOT


@pytest.fixture(scope="session")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The wheel, built."""
    folder = tmp_path_factory.mktemp("dist")
    command = [sys.executable, "-m", "pip", "wheel", "--quiet", "--no-deps", "--wheel-dir", folder, ROOT]
    patience.run(command, 300, check=True)
    [built] = folder.glob("*.whl")
    return built


@pytest.fixture(scope="session")
def installed(wheel: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The programs of an environment with the wheel."""
    folder = tmp_path_factory.mktemp("environment")
    venv.create(folder, with_pip=True)
    paths = {"base": str(folder), "platbase": str(folder)}
    site = Path(sysconfig.get_path("purelib", "venv", paths))
    patience.run([folder / "bin/pip", "install", "--quiet", "--no-deps", wheel], 300, check=True)
    # What lies there is found after the wheel; `.pth` files there, such as the checkout's, are not read.
    (site / "libraries.pth").write_text(f"{sysconfig.get_path('purelib')}\n")
    dvc = folder / "bin/dvc"
    dvc.write_text(f"#!{folder}/bin/python\nimport sys\nfrom dvc.cli import main\nsys.exit(main())\n")
    dvc.chmod(0o755)
    return folder / "bin"
