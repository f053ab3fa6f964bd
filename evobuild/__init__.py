"""evobuild: a declarative build system, on DVC, for evolved instruction-tuning data."""

import sys
from pathlib import Path

# Run as a file, a stage script has its own folder first on the path, where `select` and `evaluate` would
# hide the modules of these names that other packages import. Here it is undone before any of these is.
if Path(sys.path[0]).name == "stages":
    sys.path[0] = str(Path(sys.path[0]).parent)

__version__ = "0.6.0"
