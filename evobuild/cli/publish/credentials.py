"""Secrets of this machine, which nothing that is published may hold: by where they are, each with its value.

They are in the environment, in machine.yaml, and in the files where common tools keep keys and passwords. A
file is searched for what is named like a secret, whatever its syntax: `password: x`, `"token": "x"`,
`aws_secret_access_key = x`, `machine host password x`, `https://user:x@host`. A value that is named so and is
no secret, such as a path, does no harm unless the data holds it, too.
"""

from __future__ import annotations

import os
import re
from collections.abc import Iterator, Mapping
from pathlib import Path

from evobuild.core.machine import FILE

SECRET_NAME = re.compile(r"(KEY|TOKEN|SECRET|PASSWORD|PASSWD|CREDENTIALS?|AUTH)$", re.IGNORECASE)
SHORTEST = 8
"""Characters of a secret that is looked for."""
MOST_BYTES = 1 << 20
"""Of a file that is read."""
HERE = (FILE, ".env", ".env.local", ".dvc/config.local", ".netrc")
AT_HOME = (
    *(".netrc", "_netrc", ".git-credentials", ".pypirc", ".npmrc", ".pgpass", ".env", ".huggingface/token"),
    *(".aws/credentials", ".aws/config", ".kaggle/kaggle.json", ".docker/config.json", ".openai/auth.json"),
    *(".cache/huggingface/token", ".cache/huggingface/stored_tokens", ".config/git/credentials"),
    *(".config/gcloud/application_default_credentials.json", ".config/gh/hosts.yml", ".config/dvc/config"),
    *(".config/openai/auth.json", ".config/wandb/settings", ".config/rclone/rclone.conf", ".s3cfg", ".boto"),
)
NAMED = ("AWS_SHARED_CREDENTIALS_FILE", "GOOGLE_APPLICATION_CREDENTIALS", "HF_TOKEN_PATH", "NETRC")
"""Variables that name such a file."""

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
    """Values that nobody else may see, by where they are from."""
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
    """The files that are there, each with how it is shown."""
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
    """What a file of credentials has of secrets; all of it if that is one word."""
    found = [value for pattern in _PATTERNS for value in pattern.findall(text)]
    alone = _ALONE.fullmatch(text)
    yield from [alone[1]] if alone and not found else (each for each in found if not each.startswith("-----"))
