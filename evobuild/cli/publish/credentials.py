"""Find the secrets of this machine, by source: no published file may contain one.

Sources are the environment, machine.yaml, and the files where common tools keep keys and passwords. In a
file, any value named like a secret counts, whatever the syntax: `password: x`, `"token": "x"`,
`aws_secret_access_key = x`, `machine host password x`, `https://user:x@host`. A false positive, such as a
path, matters only if the data contains it too.
"""

from __future__ import annotations

import os
import re
from collections.abc import Iterator, Mapping
from pathlib import Path

from evobuild.core.machine import FILE

SECRET_NAME = re.compile(r"(KEY|TOKEN|SECRET|PASSWORD|PASSWD|CREDENTIALS?|AUTH)$", re.IGNORECASE)
SHORTEST = 8
"""Shortest secret that is searched for, in characters; shorter ones would match by chance."""
MOST_BYTES = 1 << 20
"""Bytes that are read of a file."""
HERE = (FILE, ".env", ".env.local", ".dvc/config.local", ".netrc")
AT_HOME = (
    *(".netrc", "_netrc", ".git-credentials", ".pypirc", ".npmrc", ".pgpass", ".env", ".huggingface/token"),
    *(".aws/credentials", ".aws/config", ".kaggle/kaggle.json", ".docker/config.json", ".openai/auth.json"),
    *(".cache/huggingface/token", ".cache/huggingface/stored_tokens", ".config/git/credentials"),
    *(".config/gcloud/application_default_credentials.json", ".config/gh/hosts.yml", ".config/dvc/config"),
    *(".config/openai/auth.json", ".config/wandb/settings", ".config/rclone/rclone.conf", ".s3cfg", ".boto"),
)
NAMED = ("AWS_SHARED_CREDENTIALS_FILE", "GOOGLE_APPLICATION_CREDENTIALS", "HF_TOKEN_PATH", "NETRC")
"""Environment variables that name a file with credentials."""

_PAIR = re.compile(
    r"""^[^#\n]*?[\w.-]*(?:key|token|secret|password|passwd|passphrase|credentials?|auth)["']?"""
    r"""[ \t]*[:=][ \t]*["']?([^\s"',;}]+)""",
    re.IGNORECASE | re.MULTILINE,
)
_NETRC = re.compile(r"\bmachine\s[^#]*?\bpassword\s+(\S+)")
_IN_URL = re.compile(r"://[^/\s:@]*:([^/\s@]+)@")
_PRIVATE_KEY = re.compile(r"PRIVATE KEY-----(?:\\n|\s)+([A-Za-z0-9+/=]{40,})")
_PATTERNS = (_PAIR, _NETRC, _IN_URL, _PRIVATE_KEY)
_ALONE = re.compile(r"\s*(\S+)\s*")


def find_secrets(hub_token: str) -> dict[str, str]:
    """Find secret values, by source."""
    found = dict(_find_in_environment(os.environ))
    for shown, path in _list_files():
        for number, value in enumerate(dict.fromkeys(_find_in_text(_read_start(path)))):
            found[f"a secret of {shown}" + (f" (number {number + 1})" if number else "")] = value
    found = {name: value for name, value in found.items() if len(value) >= SHORTEST}
    return found | ({"the token of the hub": hub_token} if hub_token else {})


def _find_in_environment(variables: Mapping[str, str]) -> Iterator[tuple[str, str]]:
    for name, value in variables.items():
        if SECRET_NAME.search(name):
            yield f"the value of ${name}", value
        for password in _IN_URL.findall(value):
            yield f"the password in ${name}", password


def _list_files() -> Iterator[tuple[str, Path]]:
    """Yield existing files with credentials, each with its display name."""
    home = Path.home()
    candidates = [(name, Path(name)) for name in HERE] + [(f"~/{name}", home / name) for name in AT_HOME]
    if hub := os.environ.get("HF_HOME"):
        candidates += [(f"$HF_HOME/{name}", Path(hub, name)) for name in ("token", "stored_tokens")]
    candidates += [(f"${name}", Path(value)) for name in NAMED if (value := os.environ.get(name))]
    yield from ((shown, path) for shown, path in candidates if path.is_file())


def _read_start(path: Path) -> str:
    try:
        with path.open("rb") as file:
            return file.read(MOST_BYTES).decode("utf-8", "replace")
    except OSError:
        return ""


def _find_in_text(text: str) -> Iterator[str]:
    """Yield the secrets in a file; a file of a single word is a secret itself."""
    found = [value for pattern in _PATTERNS for value in pattern.findall(text)]
    alone = _ALONE.fullmatch(text)
    yield from [alone[1]] if alone and not found else (each for each in found if not each.startswith("-----"))
