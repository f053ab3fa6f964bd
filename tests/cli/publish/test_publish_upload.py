"""`evobuild publish` against a fake hub: what it sends, once, and what it makes of what the hub says."""

from __future__ import annotations

import gzip
import json
import subprocess
import sys
from pathlib import Path

import patience
import publishing
import pytest
import reported
import workspace
from hub_server import TOKEN, Fault, HubServer, digest, git_digest

from evobuild.cli.publish import hub as uploading
from evobuild.core import tables
from evobuild.core.rejects import REJECTS
from evobuild.reporting import report

# huggingface_hub gives httpx2 the content of a file in a way that is to go.
pytestmark = pytest.mark.filterwarnings("ignore:Use 'content=:DeprecationWarning")

NAME = "datasets/me/evolved"
PARQUET = (
    "datasets/data/train.parquet",
    "preferences/train.parquet",
    "rejects/train.parquet",
    "verifiers/train.parquet",
)


def published(root: Path) -> dict:
    return json.loads((root / "published.json").read_text())


def test_all_is_one_commit(hub: HubServer, project: Path, publish) -> None:
    code, said, _ = publish("me/evolved")
    repo = hub.repos[NAME]
    assert code == 0 and not repo.private and len(repo.branches["main"]) == 2
    assert sorted(repo.head.files) == [
        ".gitattributes", "README.md", "alpaca.json", *PARQUET[:1], "images/difficulty.png", *PARQUET[1:3],
        "report.html", "validation/outputs.json", "validation/tables.json", PARQUET[3],
    ]  # fmt: skip
    assert f"{hub.url}/{NAME}/tree/{repo.head.oid}" in said and "git add published.json" in said


def test_large_files_go_by_lfs_and_small_ones_in_the_commit(hub: HubServer, project: Path, publish) -> None:
    publish("me/evolved")
    header, *lines = hub.repos[NAME].head.lines
    made_at = workspace.run(project, "git", "rev-parse", "HEAD").strip()
    assert header == {
        "key": "header",
        "value": {
            "summary": f"Publish data/dataset.parquet of {made_at[:12]}",
            "description": "",
            "parentCommit": hub.repos[NAME].branches["main"][0].oid,
        },
    }
    by_path = {line["value"]["path"]: line for line in lines}
    large = {path for path, line in by_path.items() if line["key"] == "lfsFile"}
    assert large == {*PARQUET, "images/difficulty.png"}
    image = by_path["images/difficulty.png"]["value"]
    assert image["oid"] == digest(publishing.PNG) and image["size"] == len(publishing.PNG)
    assert {each["key"] for each in lines} == {"file", "lfsFile"}
    assert hub.puts.total() == len(hub.puts) == 5
    assert hub.counted("POST", "/commit/main$") == 1


def test_each_config_opens(hub: HubServer, tmp_path: Path, publish, monkeypatch: pytest.MonkeyPatch) -> None:
    import datasets

    publish("me/evolved")
    folder = tmp_path / "received"
    for path, content in hub.repos[NAME].head.files.items():
        (folder / path).parent.mkdir(parents=True, exist_ok=True)
        (folder / path).write_bytes(content)
    monkeypatch.setattr("datasets.config.HF_HUB_OFFLINE", True)
    datasets.disable_progress_bars()

    def rows(*config: str) -> list[dict]:
        return list(datasets.load_dataset(str(folder), *config, split="train", cache_dir=tmp_path / "cache"))

    assert datasets.get_dataset_config_names(str(folder)) == ["sft", "preferences", "verifiers", "rejects"]
    assert [row["id"] for row in rows("sft")] == [row["id"] for row in rows()] == [*publishing.IDS]
    [pair] = rows("preferences")
    assert pair["id"] == "a1" and pair["chosen"] == [{"role": "assistant", "content": "chosen"}]
    [verifier] = rows("verifiers")
    assert verifier["functions"][0]["accuracy"] == 1.0 and verifier["cases"][0]["expected"] is True
    assert [(row["stage"], row["reason"], row["reply"]) for row in rows("rejects")] == [
        ("evolve-r1", "too short", "The reply."),
        ("select", "contaminated", "The reply."),
    ]


def test_the_revision_is_written_down(hub: HubServer, project: Path, publish) -> None:
    publish("me/evolved")
    entry = published(project)["datasets/me/evolved@main"]
    repo = hub.repos[NAME]
    lock = workspace.run(project, "git", "show", "HEAD:dvc.lock")
    assert entry["revision"] == repo.head.oid and entry["md5"] in lock
    assert entry["git_commit"] == workspace.run(project, "git", "rev-parse", "HEAD").strip()
    assert entry["files"] == sorted(repo.head.files.keys() - {".gitattributes"})
    assert workspace.run(project, "git", "status", "--short") == "?? published.json\n"


def test_what_is_there_is_not_committed_again(hub: HubServer, project: Path, publish) -> None:
    publish("me/evolved")
    first, said = published(project), hub.repos[NAME].head.oid
    workspace.run(project, "git", "add", "-A")
    workspace.run(project, "git", "commit", "-q", "-m", "Publish")
    code, out, _ = publish("me/evolved")
    assert code == 0 and "nothing to commit" in out and said in out and "git add" not in out
    assert len(hub.repos[NAME].branches["main"]) == 2 and hub.counted("POST", "/commit/main$") == 1
    assert hub.puts.total() == 5 and published(project) == first


def test_what_is_no_more_is_removed_and_other_files_stay(hub: HubServer, project: Path, publish) -> None:
    publish("me/evolved")
    hub.repos[NAME].head.files["NOTES.md"] = b"by hand"
    for name in ("verifiers", "preferences"):
        (project / f"data/export_autoif/{name}.jsonl").write_text("")
    code, _, _ = publish("me/evolved", "--allow", "stale")
    files = hub.repos[NAME].head.files
    assert code == 0 and "NOTES.md" in files and ".gitattributes" in files
    assert not [path for path in files if path.startswith(("verifiers", "preferences"))]
    assert "verifiers" not in files["README.md"].decode()


def test_a_private_repository_is_made(hub: HubServer, publish) -> None:
    assert publish("me/evolved", "--private")[0] == 0
    assert hub.repos[NAME].private and hub.created[0]["visibility"] == "private"


def test_a_public_repository_is_not_taken_for_a_private_one(hub: HubServer, publish) -> None:
    hub.made(NAME)
    code, _, said = publish("me/evolved", "--private")
    assert code == 1 and "is there and public" in said and hub.counted("POST", "preupload") == 0


def test_a_name_alone_is_below_the_owner_of_the_token(hub: HubServer, project: Path, publish) -> None:
    assert publish("evolved")[0] == 0
    assert [*published(project)] == ["datasets/me/evolved@main"] and NAME in hub.repos


def test_a_branch_is_made_and_main_stays(hub: HubServer, project: Path, publish) -> None:
    assert publish("me/evolved", "--revision", "next")[0] == 0
    branches = hub.repos[NAME].branches
    assert len(branches["main"]) == 1 and len(branches["next"]) == 2
    assert [*published(project)] == ["datasets/me/evolved@next"]
    assert publish("me/evolved", "--revision", "next")[0] == 0 and len(branches["next"]) == 2


def test_a_model_is_published_with_its_card(hub: HubServer, project: Path, publish) -> None:
    publish("me/evolved")
    assert publish("me/toy", "--model")[0] == 0
    files = hub.repos["models/me/toy"].head.files
    assert sorted(files) == [".gitattributes", "README.md", "config.json", "model.safetensors"]
    card = files["README.md"].decode()
    assert "datasets:\n- me/evolved\n" in card and "library_name: transformers\n" in card
    assert published(project)["models/me/toy@main"]["path"] == "models/tuned/toy"
    assert published(project)["models/me/toy@main"]["url"].startswith(f"{hub.url}/me/toy/tree/")


@pytest.mark.parametrize("method, data", [("dpo", "dataset"), ("sft", "r0")])
def test_a_model_of_other_rows_names_no_data_set(
    hub: HubServer, project: Path, publish, method: str, data: str
) -> None:
    publish("me/evolved")
    (project / "models/tuned/data.json").write_text(json.dumps({"data": data, "method": method}))
    publish("me/toy", "--model", "toy", "--allow", "stale")
    assert "datasets:" not in hub.repos["models/me/toy"].head.files["README.md"].decode()


def test_an_unknown_base_is_refused(hub: HubServer, publish) -> None:
    code, _, said = publish("me/toy", "--model", "other")
    assert (code, said) == (
        1,
        "evobuild: --model: unknown base 'other'; choose from: toy\n",
    ) and not hub.calls


@pytest.mark.parametrize("name", ["a/b/c", "me/evolved.git", "me/--x", "me/a b", "/evolved", "me/"])
def test_a_wrong_id_is_refused_before_anything_is_asked(hub: HubServer, publish, name: str) -> None:
    code, _, said = publish(name)
    assert code == 1 and "Expected owner/name" in said and not hub.calls


def test_without_a_token_nothing_is_asked(hub: HubServer, publish, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("HF_TOKEN")
    code, _, said = publish("me/evolved")
    assert code == 1 and "HF_TOKEN" in said and "hf auth login" in said and len(said.splitlines()) == 1
    assert not hub.calls


def test_another_owner_is_refused(hub: HubServer, publish) -> None:
    code, _, said = publish("others/evolved")
    assert code == 1 and "403" in said and "another owner" in said and not hub.repos


def test_a_wrong_token_is_refused_and_not_shown(
    hub: HubServer, publish, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HF_TOKEN", wrong := "hf_WrongTokenOfSomebody")
    hub.faults = [Fault("POST", "create", 401, body={"error": f"no such token {wrong}"})]
    code, _, said = publish("me/evolved")
    assert code == 1 and "401" in said and "hf auth login" in said and "no such token ***" in said
    assert "Wrong" not in said


@pytest.mark.parametrize("status", [429, 500, 503])
def test_what_passes_is_tried_again(hub: HubServer, publish, status: int) -> None:
    hub.faults = [Fault("POST", "preupload", status, headers={"Retry-After": "0"})]
    assert publish("me/evolved")[0] == 0
    assert len(hub.repos[NAME].branches["main"]) == 2 and hub.counted("POST", "preupload") == 2


def test_a_cut_connection_is_tried_again(hub: HubServer, publish) -> None:
    hub.faults = [Fault("PUT", "/lfs/", cut=True)]
    assert publish("me/evolved")[0] == 0
    assert len(hub.repos[NAME].branches["main"]) == 2 and len(hub.puts) == 5


def test_a_lasting_refusal_is_said_and_the_next_run_sends_the_rest(
    hub: HubServer, project: Path, publish
) -> None:
    hub.faults = [Fault("PUT", "/lfs/", 403, times=1, after=2)]
    code, _, said = publish("me/evolved")
    assert code == 1 and "403" in said and "Traceback" not in said and len(said.splitlines()) < 6
    assert len(hub.repos[NAME].branches["main"]) == 1 and not (project / "published.json").exists()
    assert 0 < hub.puts.total() < 5
    assert publish("me/evolved")[0] == 0
    assert hub.puts.total() == len(hub.puts) == 5, "what had come was sent again"


def test_a_commit_that_fails_leaves_the_repository_as_it_was(hub: HubServer, project: Path, publish) -> None:
    hub.faults = [Fault("POST", "/commit/", 503)]
    code, _, said = publish("me/evolved")
    assert code == 1 and "503" in said and "run the same command again" in said
    assert len(hub.repos[NAME].branches["main"]) == 1 and not (project / "published.json").exists()
    assert publish("me/evolved")[0] == 0 and hub.puts.total() == 5


def test_a_commit_whose_answer_is_lost_is_found_by_the_next_run(
    hub: HubServer, project: Path, publish
) -> None:
    hub.faults = [Fault("POST", "/commit/", lost=True)]
    assert publish("me/evolved")[0] == 1 and not (project / "published.json").exists()
    code, said, _ = publish("me/evolved")
    assert code == 0 and "nothing to commit" in said
    assert len(hub.repos[NAME].branches["main"]) == 2
    assert published(project)["datasets/me/evolved@main"]["revision"] == hub.repos[NAME].head.oid


def test_a_commit_of_somebody_else_in_between_is_not_overwritten(hub: HubServer, publish) -> None:
    hub.faults = [Fault("POST", "/commit/", 412, body={"error": "A commit has happened since."})]
    code, _, said = publish("me/evolved")
    assert code == 1 and "somebody else committed meanwhile" in said


def test_metadata_that_the_hub_refuses_is_said(hub: HubServer, publish) -> None:
    hub.invalid = ['"license" must be one of the known ones']
    code, _, said = publish("me/evolved")
    assert code == 1 and '"license" must be one of' in said and hub.counted("POST", "/commit/") == 0


def test_a_silent_server_is_not_waited_for(hub: HubServer) -> None:
    from huggingface_hub.utils import get_session

    uploading.Upload(uploading.Repository("me/evolved", "dataset", "main", False), TOKEN)
    waiting = get_session().timeout
    assert waiting.connect == uploading.CONNECT_SECONDS and waiting.read == uploading.WAIT_SECONDS


def begin(hub: HubServer, project: Path, **variables: str) -> subprocess.Popen[bytes]:
    """Begin the command in a process of its own; what it says goes into a file."""
    own = {"HF_ENDPOINT": hub.url, "HF_TOKEN": TOKEN, "HF_HOME": str(project.parent / "hf")}
    with (project.parent / "said").open("wb") as said:
        return subprocess.Popen(
            [sys.executable, "-m", "evobuild", "publish", "me/evolved"],
            cwd=project,
            env=workspace.environment() | {"PYTHONPATH": str(workspace.ROOT)} | own | variables,
            stdout=said,
            stderr=said,
        )


def ran(hub: HubServer, project: Path, **variables: str) -> tuple[int, str]:
    """Run it; give its exit code and what it says."""
    code = patience.wait(begin(hub, project, **variables), workspace.SECONDS)
    return code, (project.parent / "said").read_text()


def test_a_hub_with_xet_gets_large_files_by_it(project: Path) -> None:
    with HubServer(xet=True) as server:
        for _ in range(2):
            code, said = ran(server, project)
            assert code == 0, said
        assert len(server.repos[NAME].branches["main"]) == 2 and "nothing to commit" in said
        lines = server.repos[NAME].head.lines[1:]
        large = {line["value"]["oid"] for line in lines if line["key"] == "lfsFile"}
        assert len(large) == 5 and large == server.registered
        assert server.xorbs and not server.puts and server.counted("GET", "/xet-write-token/main$")


def test_a_hub_without_xet_is_said_with_the_way_out(project: Path) -> None:
    with HubServer() as server:
        code, said = ran(server, project)
        assert code == 1 and "HF_HUB_DISABLE_XET=1" in said and "Traceback" not in said
        code, said = ran(server, project, HF_HUB_DISABLE_XET="1")
        assert code == 0, said


def test_a_killed_upload_is_gone_on_with(project: Path) -> None:
    with HubServer() as server:
        server.faults = [Fault("PUT", "/lfs/", hang=True, after=3)]
        killed = begin(server, project, HF_HUB_DISABLE_XET="1")
        assert patience.until(server.hung.is_set, workspace.SECONDS)
        killed.kill()
        patience.wait(killed)
        assert 0 < len(server.puts) < 5 and len(server.repos[NAME].branches["main"]) == 1
        code, said = ran(server, project, HF_HUB_DISABLE_XET="1")
        assert code == 0, said
        assert set(server.puts.values()) == {1} and len(server.puts) == 5
        assert len(server.repos[NAME].branches["main"]) == 2


def test_contents_are_named_as_git_does() -> None:
    # printf hello | git hash-object --stdin
    assert git_digest(b"hello") == "b6fc4c620b67d95f953a5c1c1230aaab5db5a1b0"


def marked(content: bytes, name: str) -> bool:
    """Whether a file holds the mark of the held-out row: as it is, escaped, in a table, or packed."""
    if name.endswith(".parquet"):
        content = publishing.rows_of(content).write_ndjson().encode()
    if content[:2] == b"\x1f\x8b":
        content = gzip.decompress(content)
    forms = {publishing.MARK, "".join(f"\\u{ord(each):04x}" for each in publishing.MARK)}
    return any(form.lower().encode() in content.lower() for form in forms)


def test_nothing_that_is_published_holds_text_of_held_out_rows(
    hub: HubServer, project: Path, publish, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("evobuild.reporting.charts.draw_svg", lambda *_: "")
    names = ("overlap one two", "evaluation", "prompt 2", "base reply 2", "judgment")
    texts = dict.fromkeys(names, publishing.HELD_OUT)
    sources = reported.build(project.parent / "reported", lambda field: texts.get(field, field))
    page = report.report_page(reported.settings(), sources)
    (project / "data/report.html").write_text(page)
    lost = project / "data/rejects/evolve-r1.parquet"
    whole = ("f7", "unchanged", "", publishing.HELD_OUT)
    part = ("g8", "too long", "which kind of leafhopper the zyzzogeton of the rain", "Sure!")
    tables.write(lost, tables.frame(REJECTS, [whole, part, ("e5", "too short", "told", "The reply.")]))
    code, _, problems = publish("me/evolved", "--allow", "stale", "--allow", "uncommitted")
    assert code == 0, problems
    files = hub.repos["datasets/me/evolved"].head.files
    assert {"report.html", "rejects/train.parquet", "README.md"} <= files.keys()
    assert not [name for name, content in files.items() if marked(content, name)]
    rejects = publishing.rows_of(files["rejects/train.parquet"]).filter(stage="evolve-r1")
    assert dict(rejects.select("id", "reply").iter_rows()) == {"e5": "The reply.", "f7": "", "g8": ""}
    assert set(rejects["reason"]) == {"unchanged", "too long", "too short"}
