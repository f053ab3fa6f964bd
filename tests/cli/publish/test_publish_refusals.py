"""What `evobuild publish` refuses: each in a line with the way out, and let through where it is told to."""

from __future__ import annotations

import base64
import json
import os
import sys
from pathlib import Path

import publishing
import pytest
import workspace
import yaml
from hub_server import TOKEN, HubServer

from evobuild.cli.publish import credentials, leaks
from evobuild.cli.publish.hub_files import HubFile
from evobuild.cli.publish.refusals import REASONS
from evobuild.core import tables
from evobuild.core.instructions import INSTRUCTIONS
from evobuild.core.rejects import REJECTS


def rewrite(project: Path, path: str, text: str) -> None:
    """Change a file of data, and let DVC and git have it so."""
    (project / path).write_text(text)
    workspace.run(project, "dvc", "commit", "-q", "-f")
    workspace.run(project, "git", "add", "-A")
    workspace.run(project, "git", "commit", "-q", "-m", "Change")


def test_a_dry_run_of_models_and_a_toy_are_no_result(project: Path, publish) -> None:
    rewrite(project, "data/label.txt", "DRY RUN, TOY\n")
    code, _, said = publish("me/evolved", "--dry-run")
    first, second, last = said.splitlines()
    assert code == 1 and last == "evobuild: publish: refused: dry-run, toy; nothing was sent"
    assert "simulated" in first and first.endswith("or --allow dry-run")
    assert "toy model" in second and second.endswith("or --allow toy")
    assert publish("me/evolved", "--dry-run", "--allow", "toy")[0] == 1
    code, _, said = publish("me/evolved", "--dry-run", "--allow", "toy", "--allow", "dry-run")
    assert code == 0 and said.count("allowed: ") == 2


def test_a_failed_contract_is_refused(project: Path, publish) -> None:
    rewrite(project, "data/validation/tables.json", json.dumps(publishing.validation(False)))
    code, _, said = publish("me/evolved", "--dry-run")
    assert code == 1 and "dataset: 1 of 3 rows (0.0%) breaks the rule" in said
    assert "--allow failed-contract" in said and len(said.splitlines()) == 2
    assert publish("me/evolved", "--dry-run", "--allow", "failed-contract")[0] == 0


@pytest.mark.parametrize("name", ["tables", "outputs"])
def test_data_without_contracts_is_refused(project: Path, publish, name: str) -> None:
    (project / f"data/validation/{name}.json").unlink()
    code, _, said = publish("me/evolved", "--dry-run", "--allow", "stale")
    assert code == 1 and f"refused: data/validation/{name}.json: not found: contracts failed or" in said
    assert publish("me/evolved", "--dry-run", "--allow", "stale", "--allow", "failed-contract")[0] == 0


def test_stale_data_is_refused(project: Path, publish) -> None:
    params = yaml.safe_load((project / "params.yaml").read_text())
    params["select"]["share"] = 0.123
    (project / "params.yaml").write_text(yaml.safe_dump(params))
    code, _, said = publish("me/evolved", "--dry-run")
    assert code == 1 and "refused: stale: select would run again" in said and "--allow stale" in said
    assert "refused: not committed: params.yaml" in said and "--allow uncommitted" in said
    assert publish("me/evolved", "--dry-run", "--allow", "stale", "--allow", "uncommitted")[0] == 0


def test_changed_data_is_stale(project: Path, publish) -> None:
    (project / "data/export/alpaca.json").write_text("[]")
    code, _, said = publish("me/evolved", "--dry-run")
    assert code == 1 and "export" in said and "--allow stale" in said


def test_a_lock_that_is_not_committed_is_refused(project: Path, publish) -> None:
    (project / "data/export/alpaca.json").write_text("[]")
    workspace.run(project, "dvc", "commit", "-q", "-f")
    code, _, said = publish("me/evolved", "--dry-run")
    assert code == 1 and "refused: not committed: dvc.lock;" in said and "stale" not in said


def test_a_prompt_that_git_does_not_know_is_refused(project: Path, publish) -> None:
    (project / "prompts").mkdir()
    (project / "prompts/mine.jinja").write_text("mine")
    code, _, said = publish("me/evolved", "--dry-run")
    assert code == 1 and "refused: not committed: prompts/;" in said


def test_other_files_may_be_as_they_like(project: Path, publish) -> None:
    (project / "notes.md").write_text("mine")
    assert publish("me/evolved", "--dry-run")[0] == 0


def test_a_folder_that_git_does_not_know_is_refused(project: Path, publish, tmp_path: Path) -> None:
    (project / ".git").rename(tmp_path / "git")
    config = project / ".dvc/config"
    config.write_text("[core]\n    no_scm = True\n")
    code, out, said = publish("me/evolved", "--dry-run")
    assert code == 1 and "dvc.lock is in no commit of git" in said and "git commit none" in out


def test_what_a_reader_has_is_enough(project: Path, publish) -> None:
    (project / "data/rounds.parquet").unlink()
    assert publish("me/evolved", "--dry-run")[0] == 0


@pytest.mark.parametrize("path", ["data/report.html", "data/dataset.parquet", "data/rejects/select.parquet"])
def test_what_is_published_must_be_here(project: Path, publish, path: str) -> None:
    (project / path).unlink()
    code, _, said = publish("me/evolved", "--dry-run")
    assert (code, said) == (
        1, f"evobuild: {path}: not here; dvc pull it if it was pushed, or evobuild repro\n"
    )  # fmt: skip


def test_without_the_hubs_library_the_extra_is_named(
    project: Path, publish, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "huggingface_hub", None)
    code, _, said = publish("me/evolved", "--dry-run")
    assert code == 1 and "pip install 'evobuild[data]'" in said and len(said.splitlines()) == 1


def test_a_secret_is_never_published(hub: HubServer, project: Path, publish, monkeypatch) -> None:
    monkeypatch.setenv("OPENAI_API_KEY", key := "sk-0123456789abcdef")
    table = tables.frame(REJECTS, [("x", "no answer", f"401: key {key} is wrong", "")])
    tables.write(project / "data/rejects/respond.parquet", table)
    allowed = [word for reason in REASONS for word in ("--allow", reason)]
    code, _, said = publish("me/evolved", *allowed)
    assert code == 1 and "rejects/train.parquet: holds the value of $OPENAI_API_KEY" in said
    assert key not in said and not hub.calls


@pytest.fixture
def elsewhere(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder and a home without a secret."""
    (tmp_path / "home").mkdir()
    monkeypatch.chdir(tmp_path)
    for name in list(os.environ):
        if credentials.SECRET_NAME.search(name) or name in ("HF_HOME", *credentials.NAMED):
            monkeypatch.delenv(name)
    monkeypatch.setenv("HOME", str(tmp_path / "home"))
    return tmp_path


SECRET = "sk-Zy9_xW8-vU7tS6rQ5pO4"
DISGUISES = {
    "in JSON in a cell": lambda text: json.dumps({"key": json.dumps(text)}),
    "in JSON escapes": lambda text: "".join(f"\\u{ord(each):04x}" for each in text),
    "in an address": lambda text: "".join(f"%{ord(each):02X}" for each in text),
    "in base64": lambda text: base64.b64encode(f"Bearer {text}".encode()).decode(),
    "in base64 one further": lambda text: base64.b64encode(f"Bearer  {text}".encode()).decode(),
    "in base64 two further": lambda text: base64.b64encode(f"Bearer   {text}".encode()).decode(),
    "backwards": lambda text: text[::-1],
    "spaced": " ".join,
}


@pytest.mark.parametrize("written", DISGUISES)
def test_a_disguised_secret_is_found_in_pages_and_tables(tmp_path: Path, written: str) -> None:
    text = f"it says {DISGUISES[written](SECRET)} here"
    (tmp_path / "report.html").write_text(f"<p>{text}</p>")
    turns = (("user", "Hello."), ("assistant", text))
    row = publishing.instruction("a1")._replace(history=turns)
    tables.write(tmp_path / "train.parquet", tables.frame(INSTRUCTIONS, [row]))
    files = [HubFile(name, tmp_path / name) for name in ("report.html", "train.parquet")]
    assert leaks.find_leaks(files, {"it": SECRET, "other": "sk-none-of-this-is-here"}, {}) == [
        leaks.Leak("report.html", "it"), leaks.Leak("train.parquet", "it"),
    ]  # fmt: skip


def test_a_secret_of_several_lines_is_found_in_tables_and_in_json(tmp_path: Path) -> None:
    secret = "-----BEGIN KEY-----\r\n\tone half\nanother\\nhalf\n"
    row = publishing.instruction("a1")._replace(output=f"it says {secret} here")
    tables.write(tmp_path / "train.parquet", tables.frame(INSTRUCTIONS, [row]))
    (tmp_path / "rows.json").write_text(json.dumps([json.dumps(row.output)]))
    files = [HubFile(path.name, path) for path in (tmp_path / "rows.json", tmp_path / "train.parquet")]
    found = leaks.find_leaks(files, {"it": secret}, {})
    assert [leak.file for leak in found] == ["rows.json", "train.parquet"]


@pytest.mark.parametrize(
    ("path", "content"),
    [
        ("~/.netrc", "machine example.org\n  login me\n  password {}\n"),
        ("~/.aws/credentials", "[default]\naws_access_key_id = AKIA1\naws_secret_access_key = {}\n"),
        ("~/.cache/huggingface/token", "{}\n"),
        ("~/.cache/huggingface/stored_tokens", "[mine]\nhf_token = {}\n"),
        ("~/.config/gh/hosts.yml", "github.com:\n    user: me\n    oauth_token: {}\n"),
        ("~/.config/gcloud/application_default_credentials.json", '{{"type": "x", "refresh_token": "{}"}}'),
        ("~/.docker/config.json", '{{"auths": {{"r.example.org": {{"auth": "{}"}}}}}}'),
        ("~/.git-credentials", "https://me:{}@example.org\n"),
        (".env", "# token: nothing\nexport MY_API_KEY='{}'\n"),
        (".dvc/config.local", "['remote \"s3\"']\n    url = s3://it\n    secret_access_key = {}\n"),
        ("machine.yaml", "openai: {{base_url: 'https://me:{}@llm.example.org/v1'}}\n"),
    ],
)
def test_secrets_are_known_from_the_files_of_common_tools(elsewhere: Path, path: str, content: str) -> None:
    file = Path(path).expanduser()
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_text(content.format(SECRET))
    assert credentials.find_secrets("")[f"a secret of {path}"] == SECRET


def test_a_file_of_credentials_gives_values_alone_and_no_words_of_its_comments(elsewhere: Path) -> None:
    text = (
        "# the token authentication needs a key: something-else\nuser: everybody\nauth:\n  oauth_token: abc\n"
    )
    Path("~/.netrc").expanduser().write_text(text)
    Path("~/.pypirc").expanduser().write_text("key = -----BEGIN PRIVATE KEY-----\n" + "A1b2" * 16 + "\n")
    assert credentials.find_secrets("") == {"a secret of ~/.pypirc": "A1b2" * 16}


def test_the_token_is_a_secret_wherever_it_is_from(
    hub: HubServer, project: Path, publish, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("HF_TOKEN")
    (tmp_path / "no-token").write_text(TOKEN)
    (project / "data/report.html").write_text(f"<p>{TOKEN}</p>")
    code, _, said = publish("me/evolved", "--allow", "stale")
    assert code == 1 and "report.html: holds the token of the hub" in said and TOKEN not in said
    assert not hub.calls


def test_folders_of_this_machine_are_told(project: Path, publish) -> None:
    text = f'[{{"id": "a1", "output": "read {project}/notes"}}]'
    rewrite(project, "data/export/alpaca.json", text)
    code, _, said = publish("me/evolved", "--dry-run")
    assert code == 1 and f"alpaca.json holds {project}" in said and "--allow local-paths" in said
    assert publish("me/evolved", "--dry-run", "--allow", "local-paths")[0] == 0


def test_a_model_in_a_folder_is_told_in_a_column_of_turns(project: Path, publish) -> None:
    params = yaml.safe_load((project / "params.yaml").read_text())
    params["models"]["evolver"] = "vllm:/srv/weights/llama[max_tokens=9]"
    (project / "params.yaml").write_text(yaml.safe_dump(params))
    row = publishing.instruction("z9")._replace(history=(("system", "as /srv/weights/llama says"),))
    tables.write(project / "data/export/datasets/data/train.parquet", tables.frame(INSTRUCTIONS, [row]))
    code, _, said = publish("me/evolved", "--dry-run", "--allow", "stale", "--allow", "uncommitted")
    assert code == 1 and "datasets/data/train.parquet holds /srv/weights/llama, a place" in said


def test_places_are_of_this_machine_and_network(project: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HOME", "/home/alice")
    params = {"models": {"judge": "transformers:/data/m#x"}, "seed": {"source": ["rows.jsonl", "/in/a b"]}}

    def places(url: str) -> set[str]:
        monkeypatch.setenv("OPENAI_BASE_URL", url)
        return set(leaks.list_local_places(params)) - {str(project)}

    assert places("http://127.0.0.1:8000/v1") == {"/home/alice", "/data/m", "/in/a b"}
    for host in ("10.1.2.3", "gpu7", "llm.corp", "fd00::7"):
        written = f"[{host}]" if ":" in host else host
        assert host in places(f"http://{written}:8000/v1")
    for host in ("api.openai.com", "8.8.8.8", "localhost"):
        assert host not in places(f"https://{host}/v1")


def test_a_text_across_two_reads_is_found(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(leaks, "CHUNK", 4)
    (tmp_path / "a.txt").write_text("xx a secret yy")
    files = [HubFile("a.txt", tmp_path / "a.txt")]
    for given in (({"it": "secret", "other": "none"}, {}), ({}, {"it": "secret"})):
        assert leaks.find_leaks(files, *given) == [leaks.Leak("a.txt", "it")]
    assert leaks.find_leaks(files, {}, {}) == []
