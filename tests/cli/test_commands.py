"""The commands beside the pipeline: what they say, their exit codes, and how long they may take."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import threading
import time
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from importlib import util
from pathlib import Path

import patience
import pytest
import workspace
import yaml
from fakes import reply
from workspace import SHIPPED_PARAMS

from evobuild import __main__ as command
from evobuild.cli.models import role_checks, server_check
from evobuild.core.chat import Message, Request, Sampling
from evobuild.models.reply_cache import ReplyCache

os.environ["HF_HUB_OFFLINE"] = "1"  # read when the hub's client is imported: no test may ask the hub

ROOT = Path(__file__).parents[2]
SIMULATED = dict.fromkeys(("evolver", "optimizer", "responder", "judge"), "simulated:small")
NONE = dict.fromkeys(("embedder", "reward", "tagger", "entailment"))


@pytest.fixture
def project(tmp_path, monkeypatch):
    """A folder with params whose models a test chooses; the current folder."""
    for name in ("DVC_ROOT", "OPENAI_API_KEY", "OPENAI_BASE_URL"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.chdir(tmp_path)
    (tmp_path / "dvc.yaml").touch()
    params = yaml.safe_load(SHIPPED_PARAMS.read_text())

    def write(base="models/scratch", evaluated=None, **models):
        given = SIMULATED | NONE | {"scorer": "models/scratch"} | models
        bases = {"toy": {"model": base}}
        evaluate = params["evaluate"] | {"models": evaluated or {}}
        content = params | {"models": given, "bases": bases, "evaluate": evaluate}
        (tmp_path / "params.yaml").write_text(yaml.safe_dump(content))

    write()
    return write


def inspected():
    """role -> problem or facts, and whether there is a problem."""
    found = role_checks.check_roles(Path("params.yaml"))
    return {each.role: (each.problem or each.facts, each.problem is None) for each in found}


@pytest.fixture
def checkpoint(tmp_path):
    """A folder that looks like a model to whoever reads configurations only."""
    folder = tmp_path / "mine"
    folder.mkdir()
    config = {"architectures": ["LlamaForCausalLM"], "max_position_embeddings": 128}
    (folder / "config.json").write_text(json.dumps(config))
    (folder / "tokenizer.json").write_text("{}")
    (folder / "tokenizer_config.json").write_text("{}")
    (folder / "chat_template.jinja").write_text("{{ messages }}")
    (folder / "model.safetensors").touch()
    return folder


class Handler(BaseHTTPRequestHandler):
    """A server as a test wants it: what it lists, whom it lets in, how long it takes."""

    def respond(self):
        time.sleep(self.server.delay)
        status, content = self.server.answer(self)
        body = json.dumps(content).encode()
        self.send_response(status)
        self.send_header("Content-Length", str(len(body)))
        self.send_header("Location", "http://127.0.0.1:9/elsewhere")
        self.end_headers()
        self.wfile.write(body)

    def do_GET(self):
        self.respond()

    def do_POST(self):
        self.body = self.rfile.read(int(self.headers["Content-Length"]))
        self.respond()

    def log_message(self, *words):
        """Say nothing."""


class Server(ThreadingHTTPServer):
    """Waits for none of its threads, and minds no client that went away."""

    daemon_threads = True
    block_on_close = False

    def handle_error(self, *words):
        """Say nothing."""


@contextmanager
def serving(monkeypatch, answer, delay=0.0):
    server = Server(("127.0.0.1", 0), Handler)
    server.answer, server.delay = answer, delay
    threading.Thread(target=server.serve_forever, args=(0.02,), daemon=True).start()
    monkeypatch.setenv("OPENAI_BASE_URL", f"http://127.0.0.1:{server.server_port}/v1")
    try:
        yield
    finally:
        server.shutdown()
        server.server_close()


REPLY = {"choices": [{"message": {"content": "Hel"}, "finish_reason": "length"}]}


def listing(request):
    if request.path.endswith("/models"):
        return 200, {"data": [{"id": "llama-3", "max_model_len": 8192}, {"id": "other"}]}
    return (200, REPLY) if asked_model(request) == "llama-3" else (404, {"error": "no such model"})


def refusing(status, message):
    """Lists a model, and answers no call."""

    def answer(request):
        return listing(request) if request.path.endswith("/models") else (status, {"error": message})

    return answer


def one_model(request):
    """Answers whatever the name, as llama.cpp's server does."""
    return 200, {"data": [{"id": "llama-3"}]} if request.path.endswith("/models") else REPLY


def unlisted(request):
    return (404, {}) if request.path.endswith("/models") else (200, REPLY)


def asked_model(request):
    return json.loads(request.body)["model"]


def locked(request):
    return (200 if request.headers["Authorization"] == "Bearer secret-key" else 401), {"data": [{"id": "m"}]}


def test_models_that_are_evaluated_are_looked_at_too(project, checkpoint):
    (checkpoint / "chat_template.jinja").unlink()
    adapter = checkpoint.parent / "adapter"
    adapter.mkdir()
    (adapter / "adapter_config.json").write_text(json.dumps({"base_model_name_or_path": str(checkpoint)}))
    uris = {
        "base": f"transformers:{checkpoint}",
        "adapted": f"transformers:{adapter}",
        "toy": "transformers:models/scratch",
        "tuned": "transformers:models/tuned/toy",
        "none": "transformers:models/none",
    }
    project(evaluated=uris, judge=f"transformers:{checkpoint}")
    found = inspected()
    assert "no chat template" in found["judge"][0] and not found["judge"][1]
    for name in ("base", "adapted"):
        assert found[f"evaluated {name}"] == ("LlamaForCausalLM, context 128, chat template: none", True)
    assert found["evaluated toy"] == ("made by the stage scratch", True)
    assert found["evaluated tuned"] == ("made by the stage finetune", True)
    assert "does not exist" in found["evaluated none"][0] and not found["evaluated none"][1]


def test_a_model_that_a_stage_makes_can_be_used_before_it_has(project, capsys):
    project(scorer="models/experienced")
    assert command.main(["models"]) == 0
    assert "models/experienced  yes     made by the stage experience" in capsys.readouterr().out


def test_the_shipped_params_can_be_used_before_anything_has_run(project, capsys):
    assert command.main(["models"]) == 0
    said = capsys.readouterr().out
    assert "evolver    simulated:small  yes     no model: a dry run" in said
    assert "base toy   models/scratch   yes     made by the stage scratch" in said
    assert said.endswith("Every role can be used.\n")


def test_models_of_other_params_can_be_looked_at_before_these_are_written(project, capsys):
    before = Path("params.yaml").read_bytes()
    assert command.main(["models", "-S", "models.judge=simulated:huge"]) == 1
    assert "judge" in (said := capsys.readouterr().out) and "unknown simulated model" in said
    assert command.main(["models", "-S", "models.judge"]) == 1
    assert "-S models.judge: " in capsys.readouterr().err
    assert Path("params.yaml").read_bytes() == before


def test_one_role_that_cannot_be_used_fails_and_says_what_to_do(project, capsys):
    project(judge="simulated:huge", base="./nowhere")
    assert command.main(["models"]) == 1
    said = capsys.readouterr().out
    assert "-> unknown simulated model" in said
    assert "-> the folder 'nowhere' does not exist; give a model's folder or hub id" in said
    assert said.endswith("2 of 6 roles cannot be used.\n")


def test_local_models_tell_context_and_template(project, checkpoint):
    project(judge=f"transformers:{checkpoint}", scorer=str(checkpoint))
    found = inspected()
    assert found["judge"] == found["scorer"]
    assert found["judge"][1]
    assert found["judge"][0] == "LlamaForCausalLM, context 128, chat template: yes"


@pytest.mark.parametrize(
    ("spoil", "fragment"),
    [
        (
            lambda folder: (folder / "chat_template.jinja").unlink(),
            "no chat template; choose an instruction-tuned model",
        ),
        (lambda folder: (folder / "config.json").write_text("{"), "config.json: cannot be read"),
        (lambda folder: (folder / "config.json").write_text("[]"), "expected a JSON object"),
        (lambda folder: (folder / "config.json").unlink(), "holds no config.json"),
        (lambda folder: [file.unlink() for file in folder.glob("*.safetensors")], "holds no weights"),
        (lambda folder: [file.unlink() for file in folder.glob("token*")], "holds no tokenizer"),
    ],
)
def test_a_spoilt_folder_is_told(project, checkpoint, spoil, fragment):
    spoil(checkpoint)
    project(judge=f"transformers:{checkpoint}")
    said, usable = inspected()["judge"]
    assert not usable
    assert fragment in said


def test_options_that_do_not_fit_are_told(project, checkpoint):
    uri = f"transformers:{checkpoint}"
    project(
        evolver={"uri": uri, "max_length": 4096},
        judge={"uri": uri, "quantization": "awq"},
        responder={"uri": uri, "adapter": "nowhere"},
    )
    found = inspected()
    assert "it takes 128 tokens; lower the role's max_length of 4,096" in found["evolver"][0]
    assert "has no quantization" in found["judge"][0]
    assert "the adapter 'nowhere' holds no adapter_config.json" in found["responder"][0]


def test_a_missing_package_and_an_unknown_hub_id_are_told(project, monkeypatch):
    there = util.find_spec
    monkeypatch.setattr(util, "find_spec", lambda name: None if name == "vllm" else there(name))
    project(judge="vllm:org/model@abc", base="org/unpinned", scorer="org/pinned@abc")
    found = inspected()
    assert (
        "the package 'vllm' is not installed; install it with: pip install 'evobuild[vllm]'"
        in found["judge"][0]
    )
    assert "cannot be looked up on the hub" in found["base toy"][0]
    assert "not in the local cache and cannot be looked up" in found["scorer"][0]
    assert not any(found[role][1] for role in ("judge", "base toy", "scorer"))


@pytest.mark.parametrize(
    ("answer", "name", "fragment", "usable"),
    [
        (listing, "llama-3", "a call for one token, context 8,192, no key in $OPENAI_API_KEY", True),
        (listing, "lama3", "does not serve 'lama3' (HTTP 404); did you mean 'llama-3'?", False),
        (one_model, "qwen", "serves only 'llama-3'; name that in params", False),
        (unlisted, "any", "answers a call for one token, no key", True),
        (lambda request: (500, {}), "any", "does not serve 'any' (HTTP 500)", False),
        (lambda request: (302, {}), "any", "does not serve 'any' (HTTP 302)", False),
        (locked, "m", "wants a key (HTTP 401); set $OPENAI_API_KEY", False),
        (refusing(401, "no"), "llama-3", "wants a key (HTTP 401)", False),
        (refusing(404, "gone"), "llama-3", "but a call gets no reply (HTTP 404): answered 404 gone", False),
        (refusing(500, "no\x1b[2J"), "llama-3", "no reply (HTTP 500): 500 no [2J", False),
        (refusing(400, "bad"), "llama-3", "no reply (HTTP 400): bad request: 400 bad", False),
        (refusing(200, "page"), "llama-3", "no reply (HTTP 200): content type missing", False),
    ],
)
def test_a_server_is_asked_what_it_has(project, monkeypatch, answer, name, fragment, usable):
    project(judge=f"openai:{name}")
    with serving(monkeypatch, answer):
        said, found = inspected()["judge"]
    assert fragment in said
    assert found is usable


def test_the_key_is_used_and_never_said(project, monkeypatch, capsys):
    project(judge="openai:m", evolver="openai:wrong")
    for key, code in (("secret-key", 1), ("wrong-key", 1)):
        monkeypatch.setenv("OPENAI_API_KEY", key)
        with serving(
            monkeypatch, lambda request: (404, {}) if request.command == "POST" else locked(request)
        ):
            assert command.main(["models"]) == code
        said = capsys.readouterr().out
        assert key not in said
        assert ("answers, key given" if key == "secret-key" else "refuses the key") in said


def test_a_silent_server_and_one_that_is_not_there_are_told_in_time(project, monkeypatch):
    monkeypatch.setattr(server_check, "SECONDS", 0.3)
    project(judge="openai:m")
    with serving(monkeypatch, listing, delay=6.0), patience.Patience(5).limit("the look"):
        assert "no answer within 0.3 s" in inspected()["judge"][0]
    monkeypatch.setenv("OPENAI_BASE_URL", "http://127.0.0.1:9/v1")
    assert "does not answer" in inspected()["judge"][0]


def test_a_look_that_hangs_is_given_up(project, monkeypatch):
    over, seconds = threading.Event(), patience.scaled(0.2)
    monkeypatch.setattr(role_checks, "SECONDS", seconds)
    monkeypatch.setattr(server_check, "check_servers", lambda model, settings: over.wait())
    project(judge="openai:m")
    found = inspected()
    over.set()
    assert found["judge"] == (f"no answer within {seconds:g} s; check the network", False)
    assert found["evolver"][1]


def test_commands_of_the_cache_print_what_they_did(project, store, tmp_path, capsys):
    with ReplyCache(store, "vllm:a") as kept:
        for number in range(1200):
            asked = Request("k", "respond", (Message("user", str(number)),), Sampling())
            kept.put_reply(kept.key(asked), reply("k", "x" * 1000))
    for name, words, said in (
        ("cache", ["export", "r.parquet"], "1,200 replies written to r.parquet\n"),
        ("cache", ["prune", "--keep-current"], "1,200 replies removed, 0 left\n"),
        ("store", ["import", "r.parquet"], "1,200 replies imported, 0 were there already\n"),
        ("cache", ["prune", "--model", "openai:"], "0 replies removed, 1,200 left\n"),
        ("store", ["prune", "--model", "vllm:"], "1,200 replies removed, 0 left\n"),
    ):
        assert command.main([name, *words]) == 0
        assert capsys.readouterr().out == said
    assert command.main(["cache", "prune", "--model", ""]) == 1
    assert command.main(["cache", "export", "x.parquet", "--model", "openai:"]) == 1
    assert "begins with 'openai:'; its models: vllm:a\n" in capsys.readouterr().err


@pytest.mark.parametrize("words", [["export", "x.parquet"], ["prune", "--model", "a"]])
def test_without_a_cache_a_command_says_so_and_makes_none(project, store, capsys, words):
    assert command.main(["cache", *words]) == 1
    assert f"evobuild: {store}: there is no reply cache" in capsys.readouterr().err
    assert not store.exists()


def test_the_commands_run_as_a_module_and_fail_without_a_traceback(project, tmp_path):
    def run(*words):
        done = subprocess.run(
            [sys.executable, "-m", "evobuild", *words],
            cwd=tmp_path,
            env=workspace.environment() | {"PYTHONPATH": str(ROOT)},
            capture_output=True,
            text=True,
            check=False,
        )
        return done.returncode, done.stdout, done.stderr

    code, said, wrong = run("models")
    assert (code, wrong) == (0, "")
    (tmp_path / "params.yaml").write_text("models: 1\n")
    code, said, wrong = run("models")
    assert (code, said) == (1, "")
    assert wrong.startswith("evobuild: params.yaml: ")
    assert wrong.count("\n") <= 2
    assert run("--help")[0] == 0
    assert run("cache", "import", "nothing.parquet")[0] == 1
