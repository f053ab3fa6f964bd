"""A fake of the hub's HTTP API on 127.0.0.1: what `huggingface_hub` asks for an upload, and faults on demand.

    with HubServer() as hub: ...    # hub.url is for $HF_ENDPOINT, hub.calls are what was asked

Repositories are kept in memory, by "datasets/me/evolved", each branch with its commits and each commit with
all of its files. Large files come by LFS, or by Xet where `xet` says that the hub has it; of Xet the contents
stay packed, and the digests that the client registered are known. Answers are as the real hub's, where the
client reads them.
"""

from __future__ import annotations

import asyncio
import base64
import hashlib
import json
import re
import threading
from collections import Counter
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from typing import Any, Self

import patience
from aiohttp import web

TOKEN = "hf_SecretOfTheTests1234567"
USER = "me"
LARGE = (".parquet", ".png", ".safetensors", ".gz")
"""Files that are large by their name, as .gitattributes of a new repository has it."""
KINDS = "{kind:datasets|models}"
XET = b"packed by Xet: "
"""In place of a content, before its digest."""
ATTRIBUTES = b"*.parquet filter=lfs diff=lfs merge=lfs -text\n"


@dataclass
class Fault:
    """What calls get that fit. path: a pattern. times: how many; cut: the connection breaks, halfway in.
    hang: no answer comes. lost: all is done, and the answer does not come."""

    method: str
    path: str
    status: int = 500
    times: int = 1
    cut: bool = False
    hang: bool = False
    lost: bool = False
    body: dict[str, Any] = field(default_factory=lambda: {"error": "out of order"})
    headers: dict[str, str] = field(default_factory=dict)
    after: int = 0
    """Calls that fit and go well before."""


@dataclass
class Commit:
    """oid: as the hub gives it. files: all, by path. lines: what the client sent."""

    oid: str
    files: dict[str, bytes]
    lines: list[dict[str, Any]]


@dataclass
class Repo:
    """A repository with its branches."""

    private: bool
    branches: dict[str, list[Commit]]

    @property
    def head(self) -> Commit:
        """The last commit of main."""
        return self.branches["main"][-1]


def digest(content: bytes) -> str:
    """As LFS names a content."""
    if content.startswith(XET):
        return content.removeprefix(XET).decode()
    return hashlib.sha256(content).hexdigest()


def git_digest(content: bytes) -> str:
    """As git names a file's content."""
    return hashlib.sha1(b"blob %d\0" % len(content) + content).hexdigest()


def failing(status: int, message: str, code: str = "") -> web.Response:
    """An error as the hub says it."""
    headers = {"X-Error-Message": message} | ({"X-Error-Code": code} if code else {})
    return web.json_response({"error": message}, status=status, headers=headers)


class HubServer:
    """The fake in a thread of its own. puts: how often each content came. calls: method and path."""

    def __init__(self, xet: bool = False) -> None:
        self.xet = xet
        self.repos: dict[str, Repo] = {}
        self.contents: dict[str, bytes] = {}
        self.registered: set[str] = set()
        self.puts: Counter[str] = Counter()
        self.xorbs: Counter[str] = Counter()
        self.calls: list[tuple[str, str]] = []
        self.faults: list[Fault] = []
        self.created: list[dict[str, Any]] = []
        self.invalid: list[str] = []
        """What the hub finds wrong with every card."""
        self.hung = threading.Event()
        """Set once a call hangs."""
        self.url = ""
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, daemon=True)

    def __enter__(self) -> Self:
        self._thread.start()
        asyncio.run_coroutine_threadsafe(self._begin(), self._loop).result(patience.scaled(30))
        return self

    def __exit__(self, *_: object) -> None:
        asyncio.run_coroutine_threadsafe(self._runner.cleanup(), self._loop).result(patience.scaled(30))
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join(patience.scaled(30))
        self._loop.close()

    def made(self, name: str, private: bool = False) -> Repo:
        """A repository that is there already."""
        first = Commit(digest(name.encode())[:40], {".gitattributes": ATTRIBUTES}, [])
        self.repos[name] = Repo(private, {"main": [first]})
        return self.repos[name]

    def counted(self, method: str, path: str) -> int:
        """How many calls fitted."""
        return sum(each == method and bool(re.search(path, asked)) for each, asked in self.calls)

    async def _begin(self) -> None:
        application = web.Application(middlewares=[self._faulty], client_max_size=1 << 30)
        repo = f"/api/{KINDS}/{{owner}}/{{name}}"
        git = "/{owner}/{name}.git/info/lfs/objects/batch"
        application.add_routes(
            [
                web.get("/api/whoami-v2", self._whoami),
                web.post("/api/repos/create", self._create),
                web.post("/api/validate-yaml", self._validate),
                web.get(repo, self._info),
                web.get(f"{repo}/revision/{{revision}}", self._info),
                web.get(f"{repo}/tree/{{revision}}", self._tree),
                web.post(f"{repo}/branch/{{revision}}", self._branch),
                web.post(f"{repo}/preupload/{{revision}}", self._preupload),
                web.post(f"{repo}/commit/{{revision}}", self._commit),
                web.get(f"{repo}/xet-write-token/{{revision}}", self._xet_token),
                web.post(f"/datasets{git}", self._batch),
                web.post(git, self._batch),
                web.put("/lfs/{oid}", self._put),
                web.post("/lfs/verify", self._verify),
                web.get("/cas/v1/chunks/{prefix}/{hash}", self._chunk),
                web.post("/cas/v1/xorbs/{prefix}/{hash}", self._xorb),
                web.post("/cas/v1/shards", self._shard),
                web.post("/cas/shards", self._shard),
            ]
        )
        self._runner = web.AppRunner(application, access_log=None, shutdown_timeout=0.5)
        await self._runner.setup()
        site = web.TCPSite(self._runner, "127.0.0.1", 0)
        await site.start()
        host, port = self._runner.addresses[0][:2]
        self.url = f"http://{host}:{port}"

    @web.middleware
    async def _faulty(
        self, request: web.Request, handler: Callable[[web.Request], Awaitable[web.StreamResponse]]
    ) -> web.StreamResponse:
        self.calls.append((request.method, request.path))
        for fault in self.faults:
            if fault.method != request.method or not re.search(fault.path, request.path):
                continue
            if fault.after:
                fault.after -= 1
            elif fault.times:
                fault.times -= 1
                if fault.lost:
                    await handler(request)
                return await self._fail(request, fault)
        if request.path.startswith(("/lfs/", "/cas/")):
            return await handler(request)
        if request.headers.get("Authorization") != f"Bearer {TOKEN}":
            return failing(401, "Invalid credentials in Authorization header")
        return await handler(request)

    async def _fail(self, request: web.Request, fault: Fault) -> web.Response:
        if fault.hang:
            self.hung.set()
            await asyncio.Event().wait()
        if (fault.cut or fault.lost) and request.transport:
            await request.content.read(10)
            request.transport.abort()
        return web.json_response(fault.body, status=fault.status, headers=fault.headers)

    async def _whoami(self, request: web.Request) -> web.Response:
        return web.json_response({"type": "user", "name": USER, "orgs": []})

    async def _create(self, request: web.Request) -> web.Response:
        asked = await request.json()
        self.created.append(asked)
        owner = asked.get("organization") or USER
        kind = f"{asked.get('type', 'model')}s"
        name = f"{kind}/{owner}/{asked['name']}"
        if owner != USER:
            return failing(403, f'You don\'t have the rights to create a {kind[:-1]} under "{owner}"')
        url = f"{self.url}/{name.removeprefix('models/')}"
        if name in self.repos:
            said = f"You already created this {kind[:-1]} repo"
            return web.json_response({"error": said, "url": url}, status=409)
        self.made(name, asked.get("visibility") == "private")
        return web.json_response({"url": url, "name": f"{owner}/{asked['name']}", "id": "1"})

    async def _validate(self, request: web.Request) -> web.Response:
        asked = await request.json()
        assert asked["repoType"] in ("dataset", "model") and asked["content"].startswith("---\n")
        errors = [{"message": each} for each in self.invalid]
        return web.json_response({"errors": errors, "warnings": []}, status=400 if errors else 200)

    def _found(self, request: web.Request) -> tuple[Repo, list[Commit]] | web.Response:
        place = request.match_info
        repo = self.repos.get(f"{place['kind']}/{place['owner']}/{place['name']}")
        if repo is None:
            return failing(404, "Repository not found", "RepoNotFound")
        revision = place.get("revision", "main")
        of_commit = [each for each in repo.branches.values() if revision in [commit.oid for commit in each]]
        commits = repo.branches.get(revision) or (of_commit[0] if of_commit else None)
        return (repo, commits) if commits else failing(404, f"Invalid rev id: {revision}", "RevisionNotFound")

    async def _info(self, request: web.Request) -> web.Response:
        if isinstance(found := self._found(request), web.Response):
            return found
        repo, commits = found
        name = f"{request.match_info['owner']}/{request.match_info['name']}"
        about = {"_id": "1", "id": name, "sha": commits[-1].oid, "private": repo.private, "tags": []}
        return web.json_response(about | {"siblings": [{"rfilename": path} for path in commits[-1].files]})

    async def _tree(self, request: web.Request) -> web.Response:
        if isinstance(found := self._found(request), web.Response):
            return found
        files = found[1][-1].files.items()
        return web.json_response(
            [{"type": "file", "oid": git_digest(c), "size": len(c), "path": path} for path, c in files]
        )

    async def _branch(self, request: web.Request) -> web.Response:
        place = request.match_info
        repo = self.repos[f"{place['kind']}/{place['owner']}/{place['name']}"]
        if place["revision"] in repo.branches:
            return failing(409, f"Reference already exists: refs/heads/{place['revision']}")
        repo.branches[place["revision"]] = [repo.head]
        return web.Response(status=201, text="Created")

    async def _preupload(self, request: web.Request) -> web.Response:
        if isinstance(found := self._found(request), web.Response):
            return found
        there = found[1][-1].files
        answer = []
        for file in (await request.json())["files"]:
            assert len(base64.b64decode(file["sample"])) == min(512, file["size"])
            path = file["path"]
            mode = "lfs" if path.endswith(LARGE) or file["size"] > 10_000_000 else "regular"
            known = {}
            if path in there:
                known = {"oid": (digest if mode == "lfs" else git_digest)(there[path])}
            answer.append({"path": path, "uploadMode": mode, "shouldIgnore": False} | known)
        return web.json_response({"files": answer})

    async def _batch(self, request: web.Request) -> web.Response:
        asked = await request.json()
        assert asked["operation"] == "upload" and asked["hash_algo"] == "sha256"
        actions = lambda oid: {  # noqa: E731
            "upload": {"href": f"{self.url}/lfs/{oid}", "header": {}},
            "verify": {"href": f"{self.url}/lfs/verify", "header": {}},
        }
        objects = [
            each | ({} if each["oid"] in self.contents else {"actions": actions(each["oid"])})
            for each in asked["objects"]
        ]
        return web.json_response({"transfer": "basic", "objects": objects})

    async def _put(self, request: web.Request) -> web.Response:
        content = await request.read()
        oid = request.match_info["oid"]
        if digest(content) != oid:
            return web.Response(status=400, text="the content is another")
        self.puts[oid] += 1
        self.contents[oid] = content
        return web.Response()

    async def _verify(self, request: web.Request) -> web.Response:
        asked = await request.json()
        assert len(self.contents[asked["oid"]]) == asked["size"]
        return web.Response()

    async def _commit(self, request: web.Request) -> web.Response:
        if isinstance(found := self._found(request), web.Response):
            return found
        commits = found[1]
        lines = [json.loads(line) for line in (await request.text()).splitlines()]
        if lines[0]["value"].get("parentCommit") not in (None, commits[-1].oid):
            return failing(412, "A commit has happened since. Please refresh and try again.")
        files = dict(commits[-1].files)
        for line in lines[1:]:
            value = line["value"]
            if line["key"] == "file":
                files[value["path"]] = base64.b64decode(value["content"])
            elif line["key"] == "lfsFile":
                if value["oid"] not in self.contents and value["oid"] not in self.registered:
                    return failing(400, f"LFS pointer pointed to a file that does not exist: {value['path']}")
                files[value["path"]] = self.contents.get(value["oid"], XET + value["oid"].encode())
            elif line["key"] == "deletedFile":
                del files[value["path"]]
        oid = digest(json.dumps([commits[-1].oid, lines]).encode())[:40]
        commits.append(Commit(oid, files, lines))
        url = f"{self.url}/{request.path.partition('/api/')[2].replace('/commit/main', '')}/commit/{oid}"
        return web.json_response(
            {"success": True, "commitOid": oid, "commitUrl": url, "pullRequestUrl": None, "hookOutput": ""}
        )

    async def _xet_token(self, request: web.Request) -> web.Response:
        if not self.xet:
            return failing(404, "Sorry, we can't find the page you are looking for.")
        token, cas, until = "cas-token", f"{self.url}/cas", 9_999_999_999
        headers = {"X-Xet-Access-Token": token, "X-Xet-Cas-Url": cas, "X-Xet-Token-Expiration": str(until)}
        body = {"accessToken": token, "casUrl": cas, "exp": until}
        return web.json_response(body, headers=headers)

    async def _chunk(self, request: web.Request) -> web.Response:
        return web.Response(status=404)

    async def _xorb(self, request: web.Request) -> web.Response:
        assert await request.read()
        self.xorbs[request.match_info["hash"]] += 1
        return web.json_response({"was_inserted": True})

    async def _shard(self, request: web.Request) -> web.Response:
        self.registered.update(registered_digests(await request.read()))
        return web.json_response({"result": 1})


def registered_digests(shard: bytes) -> list[str]:
    """The SHA-256 of each file that a shard of Xet registers: records of 48 bytes after a header of as many.

    A file's record has its hash, flags and a number of segments, which follow; then, by the flags, as many
    records to verify them, and one with the SHA-256, in four words of eight bytes, the last of each first.
    """
    found, place = [], 48
    while (hash_ := shard[place : place + 32]) != b"\xff" * 32 and len(hash_) == 32:
        flags = int.from_bytes(shard[place + 32 : place + 36], "little")
        segments = int.from_bytes(shard[place + 36 : place + 40], "little")
        place += 48 * (1 + segments * (2 if flags >> 31 else 1))
        if flags >> 30 & 1:
            words = [shard[place + start : place + start + 8] for start in range(0, 32, 8)]
            found.append("".join(word[::-1].hex() for word in words))
            place += 48
    return found
