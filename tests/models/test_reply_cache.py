"""The reply cache: what was written comes back as it was or not at all, whatever happens to the file."""

from __future__ import annotations

import random
import shutil
import signal
import sqlite3
import subprocess
import sys
from contextlib import closing
from dataclasses import replace
from pathlib import Path

import patience
import polars as pl
import pytest
from fakes import reply

from evobuild.cli.cache import reply_archive, reply_pruning
from evobuild.core import cache_file
from evobuild.core.cache_file import checksum
from evobuild.core.chat import Choice, Message, Reply, Request, Sampling
from evobuild.core.errors import BadInput, UserError
from evobuild.models.reply_cache import KIND, ReplyCache, decode_reply, encode_reply

ROOT = Path(__file__).parents[2]
WRITER = """
import sys
from pathlib import Path
from evobuild.models.reply_cache import ReplyCache
from evobuild.core import cache_file
from evobuild.core.cache_file import checksum
from evobuild.core.chat import Choice, Message, Reply, Request, Sampling
from evobuild.models.reply_cache import ReplyCache

def text(number):
    return f"{number} " + "The river turns west at the old mill. " * 12

def fill(file, first, last, said=0):
    with ReplyCache(Path(file), "m") as cache:
        for number in range(first, last):
            asked = Request("k", "respond", (Message("user", str(number)),), Sampling())
            cache.put_reply(cache.key(asked), Reply("k", (Choice(text(number), "stop", 9),), 3))
            if said and number % said == 0:
                cache.flush()
                print(number, flush=True)
"""


def request(text, key=None, **sampling):
    return Request(key or text, "respond", (Message("user", text),), Sampling(**sampling))


def fill(file, numbers, identity="m"):
    """Store a reply of some 500 characters to each number, all in one commit."""
    with ReplyCache(file, identity) as cache:
        for number in numbers:
            cache.put_reply(cache.key(request(str(number))), reply("k", words(number)))
    return file


def count_replies(file):
    """Count the replies of each model: identity -> number."""
    with closing(sqlite3.connect(file)) as connection:
        query = "SELECT identity, count(*) FROM replies JOIN models ON number = model GROUP BY identity"
        return dict(connection.execute(query))


def words(number):
    return f"{number} " + "The river turns west at the old mill. " * 12


def found(file, numbers, identity="m"):
    """What the cache has of the numbers: number -> text."""
    numbers = list(numbers)
    with ReplyCache(file, identity) as cache:
        keys = {cache.key(request(str(number))): number for number in numbers}
        every = list(keys)
        chunks = [every[start : start + 500] for start in range(0, len(every), 500)]
        return {keys[key]: each.text for chunk in chunks for key, each in cache.get_replies(chunk).items()}


def python(code, *words, **options):
    return subprocess.Popen(
        [sys.executable, "-c", WRITER + code, *map(str, words)], cwd=ROOT, text=True, **options
    )


def test_two_open_stores_share_one_file(store):
    with ReplyCache(store, "m") as one, ReplyCache(store, "m") as two:
        key = one.key(request("a"))
        one.put_reply(key, reply("k", "A"))
        one.flush()
        assert two.get_replies([key])[key].text == "A"
        two.put_reply(key, reply("k", "later"))
        two.flush()
        assert one.get_replies([key])[key].text == "A"


def test_many_processes_open_and_fill_one_new_file(store):
    code = "fill(sys.argv[1], int(sys.argv[2]) * 50, int(sys.argv[2]) * 50 + 50, said=1)"
    running = [python(code, store, number, stdout=subprocess.DEVNULL) for number in range(4)]
    assert [process.wait() for process in running] == [0] * 4
    assert len(found(store, range(200))) == 200


def test_two_processes_write_20000_replies_each_half_of_them_the_same(store):
    code = "fill(sys.argv[1], int(sys.argv[2]), int(sys.argv[2]) + 20_000)"
    running = [python(code, store, first) for first in (0, 10_000)]
    assert [process.wait() for process in running] == [0, 0]
    assert found(store, range(30_000)) == {number: words(number) for number in range(30_000)}
    assert count_replies(store) == {"m": 30_000}


@pytest.mark.parametrize("moment", [1, 2, 3])
def test_a_killed_writer_loses_nothing_that_it_had_flushed(store, moment):
    writer = python("fill(sys.argv[1], 0, 10**9, said=700)", store, stdout=subprocess.PIPE)
    for _ in range(moment):
        flushed = int(writer.stdout.readline())
    writer.send_signal(signal.SIGKILL)
    writer.wait()
    writer.stdout.close()
    kept = found(store, range(flushed + 5000))
    assert {number: words(number) for number in range(flushed + 1)}.items() <= kept.items()
    assert all(text == words(number) for number, text in kept.items())
    fill(store, range(20_000, 20_100))
    assert len(found(store, range(20_000, 20_100))) == 100


def test_neither_key_nor_purpose_counts_and_all_else_does(store):
    asked = request("a", temperature=0.5, seed=1)
    changes = [{"seed": 2}, {"temperature": 0.6}, {"top_p": 0.9}, {"max_tokens": 9}, {"n": 2}]
    changes += [{"stop": ("x",)}, {"logprobs": 1}, {"token_texts": True}]
    others = [
        *(replace(asked, sampling=replace(asked.sampling, **change)) for change in changes),
        replace(asked, messages=(Message("system", "a"),)),
        replace(asked, messages=(Message("user", "a "),)),
        replace(asked, messages=(*asked.messages, *asked.messages)),
    ]
    with ReplyCache(store, "m") as same, ReplyCache(store, "other") as other:
        assert same.key(replace(asked, key="b", purpose="evolve")) == same.key(asked)
        assert len({same.key(each) for each in [asked, *others]} | {other.key(asked)}) == len(others) + 2


def test_keys_and_stored_bytes_stay_what_they_were_so_that_an_old_file_still_serves_its_replies(store):
    turns = (Message("system", "Be brief."), Message("user", "Name a river."))
    asked = Request("k", "respond", turns, Sampling(0.5, 0.9, 64, 2, 7, ("END",), 1))
    key = bytes.fromhex("14fe9b7d856b2b71b3688aa9d3d5d541")
    written = '[9,[["Rhône 😀","stop",3,[[-0.1,-0.1]]],["Po","length",1,null]]]'.encode()
    choices = (Choice("Rhône 😀", "stop", 3, ((-0.1, -0.1),)), Choice("Po", "length", 1))
    assert decode_reply(written) == Reply("", choices, 9, None, True)
    assert encode_reply(Reply("k", choices, 9)) == written
    assert checksum(key, written).hex() == "cc163045730c9624"
    with ReplyCache(store, "vllm:m@1") as cache:
        assert cache.key(asked) == key
    assert (KIND.application, KIND.version, reply_archive.MARK) == (b"evob", 1, "evobuild.replies")


def test_a_stored_reply_comes_back_whole(store):
    choices = (
        Choice("é\ud800\0山", "length", 3, ((-0.5, -1.25), (-2.0,))),
        Choice("", "content_filter", 0),
        Choice("Po", "stop", 5, None, "Which is it?"),
        Choice("Po", "stop", 1, ((-0.5, -0.5),), "", (("Po", "\ud800"),)),
    )
    given = Reply("k", choices, 11)
    with ReplyCache(store, "m") as first:
        key = first.key(request("a"))
        first.put_reply(key, given)
        assert first.get_replies([key]) == {key: replace(given, key="", cached=True)}
    with ReplyCache(store, "m") as second:
        assert second.get_replies([key]) == {key: replace(given, key="", cached=True)}


@pytest.mark.parametrize(
    "damage",
    [
        "reply = replace(reply, 'mill', 'Mill')",
        "reply = CAST(replace(reply, 'mill', 'Mill') AS BLOB)",
        "checksum = zeroblob(8)",
        "reply = x'ff00'",
        "reply = CAST(x'ff00' AS TEXT)",
        "reply = 7",
        "reply = (SELECT reply FROM replies ORDER BY rowid DESC), "
        "checksum = (SELECT checksum FROM replies ORDER BY rowid DESC)",
    ],
)
def test_a_damaged_reply_is_missing_said_once_asked_again_and_replaced(store, capsys, damage):
    fill(store, range(5))
    with sqlite3.connect(store) as connection:
        connection.execute(f"UPDATE replies SET {damage} WHERE rowid <= 2")
    connection.close()
    assert found(store, range(5)) == {number: words(number) for number in (2, 3, 4)}
    assert capsys.readouterr().err.count("such replies") == 1
    with ReplyCache(store, "m") as again:
        keys = [again.key(request(str(number))) for number in range(5)]
        assert len(again.get_replies(keys)) == 3
        for number in (0, 1, 2):
            again.put_reply(keys[number], reply("k", f"asked again {number}"))
    assert found(store, range(3)) == {0: "asked again 0", 1: "asked again 1", 2: words(2)}
    assert capsys.readouterr().err.count("such replies") == 1


@pytest.fixture(scope="module")
def whole(tmp_path_factory):
    """A closed cache of 3,000 replies in some 400 pages; copy it before you harm it."""
    return fill(tmp_path_factory.mktemp("whole") / "whole.sqlite", range(3000))


def truncate(data, dice):
    del data[dice.randrange(1, len(data)) :]


def overwrite(data, dice):
    place = dice.randrange(100, len(data))
    data[place : place + 4096] = dice.randbytes(len(data[place : place + 4096]))


def flip(data, dice):
    for _ in range(40):
        data[dice.randrange(100, len(data))] ^= 1 << dice.randrange(8)


def blank(data, dice):
    page = dice.randrange(1, len(data) // 4096)
    data[page * 4096 : (page + 4) * 4096] = bytes(len(data[page * 4096 : (page + 4) * 4096]))


@pytest.mark.parametrize("seed", range(4))
@pytest.mark.parametrize("harm", [truncate, overwrite, flip, blank])
def test_a_harmed_file_never_gives_a_wrong_reply(tmp_path, whole, harm, seed):
    file = Path(shutil.copy(whole, tmp_path / "replies.sqlite"))
    data = bytearray(file.read_bytes())
    harm(data, random.Random(seed))
    file.write_bytes(data)
    right = {number: words(number) for number in range(3000)}
    try:
        fill(file, range(2990, 3010))
        assert found(file, range(3000)).items() <= right.items()
    except UserError as error:
        assert "recover what can be read of it" in str(error)
        assert str(file) in str(error)


def test_a_harmed_schema_is_said(tmp_path, whole):
    file = tmp_path / "replies.sqlite"
    file.write_bytes(whole.read_bytes().replace(b"replies", b"xeplies"))
    with pytest.raises(UserError, match="recover what can be read of it"):
        found(file, range(3))


def newer(path):
    ReplyCache(path, "m").__exit__(None, None, None)
    with sqlite3.connect(path) as connection:
        connection.execute("PRAGMA user_version=99")
    connection.close()


def foreign(path):
    with sqlite3.connect(path) as connection:
        connection.execute("CREATE TABLE replies (key BLOB)")
    connection.close()


def foreign_and_named(path):
    with sqlite3.connect(path) as connection:
        connection.execute(f"PRAGMA application_id={KIND.number + 1}")
    connection.close()


def below_a_file(path):
    path.parent.rmdir()
    path.parent.write_text("no folder")


@pytest.mark.parametrize(
    ("spoil", "fragment"),
    [
        (newer, "version 99, this program knows 3; update"),
        (foreign, "no reply cache; it is left as it is"),
        (foreign_and_named, "no reply cache; it is left as it is"),
        (lambda path: path.write_text("id,text\n1,no database at all\n" * 99), "not a database"),
        (Path.mkdir, "unable to open"),
        (below_a_file, "reply cache cannot be used"),
    ],
)
def test_a_file_that_is_no_usable_store_is_refused_and_left_as_it_is(tmp_path, spoil, fragment):
    path = tmp_path / "folder" / "replies.sqlite"
    path.parent.mkdir()
    spoil(path)
    before = path.read_bytes() if path.is_file() else None
    with pytest.raises(UserError) as caught:
        ReplyCache(path, "m")
    assert fragment in str(caught.value)
    assert str(path) in str(caught.value)
    assert str(caught.value).count("\n") <= 1
    assert (path.read_bytes() if path.is_file() else None) == before


def on_disk(folder, size, code, before=""):
    """Run the writer on a small file system of its own, mounted for it alone; what it said at the end."""
    script = (
        f'mount -t tmpfs -o size={size} tmpfs "$1" && mkdir "$1/shut" && cp "$2" "$1/shut" && shift 2 '
        '&& exec "$@"'
    )
    code = f"try:\n    {code}\nexcept Exception as error:\n    print(type(error).__name__, error)"
    command = ["unshare", "--user", "--map-root-user", "--mount", "sh", "-c", script, "sh", str(folder)]
    empty = folder.parent / "empty"
    fill(empty, range(3))
    done = subprocess.run(
        [*command, str(empty), sys.executable, "-c", WRITER + before + code, str(folder)],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
    )
    if "unshare" in done.stderr or "mount" in done.stderr:
        pytest.skip("no user namespaces here")
    assert done.stderr == ""
    return done.stdout


def test_a_full_disk_is_said(tmp_path):
    disk = tmp_path / "disk"
    disk.mkdir()
    said = on_disk(disk, "2m", "fill(sys.argv[1] + '/replies.sqlite', 0, 100_000)")
    assert said.startswith(f"UserError {disk}/replies.sqlite: the reply cache cannot be used")
    assert "free space" in said


def test_a_folder_that_may_not_be_written_is_said(tmp_path):
    disk = tmp_path / "disk"
    disk.mkdir()
    code = (
        "import os; os.system('mount -o remount,ro ' + sys.argv[1]); fill(sys.argv[1] + '/shut/empty', 0, 9)"
    )
    said = on_disk(disk, "2m", code)
    assert said.startswith(f"UserError {disk}/shut/empty: the reply cache cannot be used")
    assert "permissions" in said


def test_a_store_that_may_only_be_read_is_exported_and_not_pruned(tmp_path):
    disk = tmp_path / "disk"
    disk.mkdir()
    code = (
        "from pathlib import Path; from evobuild.cli.cache import reply_archive, reply_pruning; "
        "os.system('mount -o remount,ro ' + sys.argv[1]); file = Path(sys.argv[1], 'shut/empty'); "
        f"print(reply_archive.export_replies(cache=file, archive=Path('{tmp_path}/a.parquet')).taken); "
        "reply_pruning.prune_replies(file, lambda name: True)"
    )
    exported, refused = on_disk(disk, "2m", code, "import os\n").splitlines()
    assert exported == "3"
    assert refused.startswith(
        f"UserError {disk}/shut/empty: the reply cache cannot be used: attempt to write"
    )


SHUT = """
import os
from evobuild.core.uri import ChatModel
from evobuild.models import placement, registry
from evobuild.models.client import Model

class Echo:
    capacity = 4
    def __init__(self, model): self.asked = []
    def submit(self, request): self.asked.append(request)
    def collect(self):
        asked, self.asked = self.asked, []
        print("asked", len(asked))
        return [Reply(each.key, (Choice("echo", "stop", 1),), 1) for each in asked]
    def close(self): pass

placement.start_engine, registry.engine_identity = Echo, lambda model: "m"
os.environ["EVOBUILD_STORE"] = sys.argv[1] + "/shut/empty"
os.system("mount -o remount,ro " + sys.argv[1])
sys.stderr = sys.stdout

def ask(*texts):
    with Model(ChatModel("simulated", "m")) as model:
        asked = [Request(text, "respond", (Message("user", text),), Sampling()) for text in texts]
        print([each.text[:6] for each in model.generate(asked)])
"""


@pytest.mark.parametrize(
    ("texts", "said"),
    [
        (("0", "2"), "['0 The ', '2 The ']"),
        (("0", "new"), "UserError {file}: the reply cache cannot be used: "),
        (("new",), "UserError {file}: the reply cache cannot be used: "),
    ],
)
def test_a_store_on_a_disk_that_may_only_be_read_serves_what_it_has_and_asks_nothing(tmp_path, texts, said):
    disk = tmp_path / "disk"
    disk.mkdir()
    found = on_disk(disk, "2m", f"ask(*{texts})", SHUT)
    file = disk / "shut/empty"
    (line,) = [line for line in found.splitlines() if "is read-only" not in line]
    assert line.startswith(said.format(file=file))
    assert found.count("is read-only") == ("0" in texts)


def test_an_archive_carries_every_reply_to_another_store_and_is_the_same_from_both(tmp_path):
    one = fill(fill(tmp_path / "one.sqlite", range(900), "vllm:a"), range(60), "openai:b")
    file = tmp_path / "replies.parquet"
    assert reply_archive.export_replies(cache=one, archive=file) == (960, 0)
    two = tmp_path / "new" / "two.sqlite"
    assert reply_archive.import_replies(cache=two, archive=file) == (960, 0)
    assert count_replies(two) == count_replies(one)
    assert found(two, range(900), "vllm:a") == {number: words(number) for number in range(900)}
    assert reply_archive.import_replies(cache=two, archive=file) == (0, 960)
    three = fill(fill(tmp_path / "three.sqlite", range(60), "openai:b"), reversed(range(900)), "vllm:a")
    for other in (two, three):
        reply_archive.export_replies(cache=other, archive=tmp_path / "again.parquet")
        assert (tmp_path / "again.parquet").read_bytes() == file.read_bytes()
    assert sorted(pl.read_parquet(file)["identity"].unique()) == ["openai:b", "vllm:a"]


def test_an_archive_may_hold_the_models_of_one_prefix(tmp_path):
    file = fill(fill(tmp_path / "s.sqlite", range(9), "vllm:a_b"), range(5), "vllm:axb")
    assert reply_archive.export_replies(cache=file, archive=tmp_path / "a.parquet", prefix="vllm:a_") == (
        9,
        0,
    )
    with pytest.raises(UserError, match="begins with 'openai:'"):
        reply_archive.export_replies(cache=file, archive=tmp_path / "b.parquet", prefix="openai:")
    assert not (tmp_path / "b.parquet").exists()


def test_a_merged_archive_changes_no_reply_and_carries_no_damage(tmp_path):
    one, two = (fill(tmp_path / name, range(9)) for name in ("1.sqlite", "2.sqlite"))
    with sqlite3.connect(one) as connection:
        connection.execute("UPDATE replies SET reply = CAST(x'ff' AS TEXT) WHERE rowid <= 2")
    connection.close()
    with ReplyCache(two, "m") as cache:
        cache.put_reply(cache.key(request("new")), reply("k", "of two"))
    assert reply_archive.export_replies(cache=one, archive=tmp_path / "1.parquet") == (7, 2)
    assert reply_archive.import_replies(cache=two, archive=tmp_path / "1.parquet") == (0, 7)
    assert found(two, [*range(9), "new"]) == {number: words(number) for number in range(9)} | {
        "new": "of two"
    }


def spoil_reply(rows):
    return rows.with_columns(reply=pl.lit(b"[1,[]]"))


def spoil_null(rows):
    return rows.with_columns(key=pl.lit(None, pl.Binary))


@pytest.mark.parametrize(
    ("spoil", "fragment"),
    [
        (lambda file, rows: file.unlink(), "no such file"),
        (lambda file, rows: file.write_text("key,reply\n"), "no readable Parquet"),
        (lambda file, rows: file.write_bytes(file.read_bytes()[:-300]), "no readable Parquet"),
        (lambda file, rows: rows.write_parquet(file), "no archive of replies"),
        (lambda file, rows: mark(rows.drop("checksum"), file), "no archive of replies"),
        (lambda file, rows: mark(rows, file, "99"), "version 99"),
        (lambda file, rows: mark(spoil_reply(rows), file), "row 1 is damaged"),
        (lambda file, rows: mark(spoil_null(rows), file), "row 1 is damaged"),
    ],
)
def test_a_file_that_is_no_sound_archive_is_refused(tmp_path, spoil, fragment):
    source = fill(tmp_path / "s.sqlite", range(9))
    file = tmp_path / "a.parquet"
    reply_archive.export_replies(cache=source, archive=file)
    spoil(file, pl.read_parquet(file))
    with pytest.raises(BadInput) as caught:
        reply_archive.import_replies(cache=tmp_path / "t.sqlite", archive=file)
    assert f"{file}: " in str(caught.value)
    assert fragment in str(caught.value)


def stored(content, surrogates="strict"):
    """Bytes as a foreign program may store them, with their checksum."""
    return content if isinstance(content, bytes) else content.encode("utf-8", surrogates)


MALFORMED = {
    "no JSON": "{",
    "empty": "",
    "more after it": '[1,[["a","stop",1,null]]] ',
    "another shape": '{"text": "a"}',
    "one value": "[1]",
    "choices of one text": '[1,"ab"]',
    "no choices": "[1,[]]",
    "a choice that is a text": '[1,["abcd"]]',
    "a choice without tokens": '[1,[["a","stop"]]]',
    "a choice of seven": '[1,[["a","stop",1,null,"",[],""]]]',
    "texts of tokens of no list": '[1,[["a","stop",1,[[-1]],"",["a"]]]]',
    "texts of tokens that are numbers": '[1,[["a","stop",1,[[-1]],"",[[7]]]]]',
    "texts of more tokens": '[1,[["a","stop",1,[[-1]],"",[["a","b"]]]]]',
    "texts of tokens without log-probabilities": '[1,[["a","stop",1,null,"",[["a"]]]]]',
    "a text that is a number": '[1,[[7,"stop",1,null]]]',
    "a text that is null": '[1,[[null,"stop",1,null]]]',
    "an unknown finish": '[1,[["a","tool_calls",1,null]]]',
    "a finish that is a list": '[1,[["a",[],1,null]]]',
    "negative tokens": '[1,[["a","stop",-1,null]]]',
    "tokens that are true": '[1,[["a","stop",true,null]]]',
    "tokens that are half": '[1,[["a","stop",1.5,null]]]',
    "tokens beyond measure": f'[{10**30},[["a","stop",1,null]]]',
    "tokens of too many digits": f'[{"9" * 5000},[["a","stop",1,null]]]',
    "endless tokens": '[Infinity,[["a","stop",1,null]]]',
    "thoughts that are a number": '[1,[["a","stop",1,null,7]]]',
    "log-probabilities of no list": '[1,[["a","stop",1,0]]]',
    "a position of no list": '[1,[["a","stop",1,[0.5]]]]',
    "an empty position": '[1,[["a","stop",1,[[]]]]]',
    "a log-probability of text": '[1,[["a","stop",1,[["a"]]]]]',
    "a log-probability above 0": '[1,[["a","stop",1,[[800.0]]]]]',
    "no number": '[1,[["a","stop",1,[[NaN]]]]]',
    "endless": '[1,[["a","stop",1,[[1e999]]]]]',
    "deep": "[" * 100_000,
    "deep in a choice": f'[1,[["a","stop",1,{"[" * 100_000}{"]" * 100_000}]]]',
    "no UTF-8": b'[1,[["\xff","stop",1,null]]]',
}


@pytest.mark.parametrize("name", MALFORMED)
def test_what_another_program_stored_and_is_no_reply_is_missing(store, capsys, name):
    asked = request("a")
    with ReplyCache(store, "m") as cache:
        cache.put(cache.key(asked), stored(MALFORMED[name]))
    with ReplyCache(store, "m") as cache:
        assert cache.get_replies([cache.key(asked)]) == {}
        cache.put_reply(cache.key(asked), reply("k", "made again"))
    assert "a stored reply is damaged" in capsys.readouterr().err
    with ReplyCache(store, "m") as cache:
        assert cache.get_replies([cache.key(asked)])[cache.key(asked)].text == "made again"


def foreign(file, *rows):
    """An archive with sound replies, and some rows among them whose checksums are right."""
    good = [(bytes([place]) * 16, "m", encode_reply(reply("k", "of an archive"))) for place in range(9)]
    every = [(key, name, value, checksum(key, value)) for key, name, value in [*good[:5], *rows, *good[5:]]]
    mark(pl.DataFrame(every, reply_archive.ARCHIVE, orient="row"), file)
    return file


FOREIGN = {
    **{name: (b"k" * 16, "m", stored(content)) for name, content in MALFORMED.items()},
    "half a character": (b"k" * 16, "m", b'[1,[["\\ud800","stop",1,null]]]'),
    "half a character as bytes": (b"k" * 16, "m", stored('[1,[["\ud800","stop",1,null]]]', "surrogatepass")),
    "half a character thought": (b"k" * 16, "m", b'[1,[["a","stop",1,null,"\\udc00"]]]'),
    "a short key": (b"k" * 15, "m", encode_reply(reply("k", "a"))),
    "a model without a name": (b"k" * 16, "", encode_reply(reply("k", "a"))),
    "a name for the terminal": (b"k" * 16, "m\x1b[2J", encode_reply(reply("k", "a"))),
    "a name of a million": (b"k" * 16, "m" * 10**6, encode_reply(reply("k", "a"))),
}


@pytest.mark.parametrize("name", FOREIGN)
def test_an_archive_with_one_bad_row_gives_nothing(tmp_path, monkeypatch, name):
    monkeypatch.setattr(reply_archive, "check_table_size", lambda file: None)  # it starts a process
    file = foreign(tmp_path / "a.parquet", FOREIGN[name])
    known = fill(tmp_path / "known.sqlite", range(3))
    for cache in (known, tmp_path / "new.sqlite"):
        with pytest.raises(BadInput) as caught:
            reply_archive.import_replies(cache=cache, archive=file)
        assert "row 6 is damaged: " in str(caught.value)
        assert str(caught.value).isprintable()
        assert len(str(caught.value)) < 400
    assert count_replies(known) == {"m": 3}
    assert not (tmp_path / "new.sqlite").exists()
    assert reply_archive.import_replies(cache=known, archive=foreign(file)) == (9, 0)


def test_a_bad_row_behind_many_good_ones_gives_nothing_either(tmp_path, monkeypatch):
    monkeypatch.setattr(reply_archive, "CHUNK", 2)
    file = foreign(tmp_path / "a.parquet", FOREIGN["empty"])
    with pytest.raises(BadInput, match="row 6"):
        reply_archive.import_replies(cache=tmp_path / "new.sqlite", archive=file)
    assert not (tmp_path / "new.sqlite").exists()
    assert reply_archive.import_replies(cache=tmp_path / "new.sqlite", archive=foreign(file)) == (9, 0)


def test_an_archive_that_is_a_bomb_is_refused(tmp_path):
    value = encode_reply(reply("k", "a" * 10**6))
    rows = [(bytes([place]) * 16, "m", value) for place in range(200)]
    file = foreign(tmp_path / "a.parquet", *rows)
    assert file.stat().st_size < 100_000
    with pytest.raises(BadInput, match="expand"):
        reply_archive.import_replies(cache=tmp_path / "new.sqlite", archive=file)
    assert not (tmp_path / "new.sqlite").exists()


def test_what_is_no_reply_is_not_exported(tmp_path):
    file = fill(tmp_path / "s.sqlite", range(4))
    with ReplyCache(file, "m") as cache:
        cache.put(b"k" * 16, b"{}")
    assert reply_archive.export_replies(cache=file, archive=tmp_path / "a.parquet") == (4, 1)


def test_an_export_replaces_an_earlier_one_and_nothing_else(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    source = fill(tmp_path / "s.sqlite", range(4))
    for name in ("data", "folder.parquet"):
        Path(name).mkdir()
        Path(name, "a").write_text("mine")
    pl.DataFrame({"a": [1]}).write_parquet("rows.parquet")
    Path("text.parquet").write_text("mine")
    Path("link.parquet").symlink_to("rows.parquet")
    before = {path: path.is_file() and path.read_bytes() for path in tmp_path.rglob("*")}
    for name in (
        "data",
        "folder.parquet",
        "rows.parquet",
        "text.parquet",
        "link.parquet",
        "..",
        "/",
        "s.sqlite",
    ):
        with pytest.raises(UserError):
            reply_archive.export_replies(cache=source, archive=Path(name))
    assert before == {path: path.is_file() and path.read_bytes() for path in before}
    shutil.copy(_exported(source), tmp_path / "copied.parquet")
    for _ in range(2):
        assert reply_archive.export_replies(cache=source, archive=tmp_path / "copied.parquet") == (4, 0)


def _exported(source):
    reply_archive.export_replies(cache=source, archive=Path("first.parquet"))
    return Path("first.parquet")


def mark(rows, file, version="1"):
    rows.write_parquet(file, metadata={reply_archive.MARK: version})


def test_pruning_removes_the_replies_of_a_model_and_gives_the_space_back(tmp_path):
    file = fill(fill(tmp_path / "s.sqlite", range(3000), "vllm:a"), range(7), "vllm:b")
    before = file.stat().st_size
    with ReplyCache(file, "vllm:a") as still_open:
        assert reply_pruning.prune_replies(file, lambda identity: identity == "vllm:a") == (3000, 7)
        still_open.put_reply(still_open.key(request("new")), reply("k", "new"))
    assert file.stat().st_size < before / 10
    assert count_replies(file) == {"vllm:b": 7, "vllm:a": 1}


def test_pruning_leaves_the_rest_while_another_reads_and_writes(store, monkeypatch):
    monkeypatch.setattr(cache_file, "ROWS_PER_DELETE", 50)
    monkeypatch.setattr(cache_file, "PAGES_PER_VACUUM", 10)
    fill(store, range(600), "gone")
    with ReplyCache(store, "stays") as other:
        keys = [other.key(request(text)) for text in ("before", "after")]

        def drops(stored):
            assert other.get_replies(keys)[keys[0]].text == "before"
            return True

        other.put_reply(keys[0], reply("k", "before"))
        other.flush()
        assert reply_pruning.prune_replies(store, lambda identity: identity == "gone", drops) == (600, 1)
        other.put_reply(keys[1], reply("k", "after"))
    assert count_replies(store) == {"stays": 2}
    with closing(sqlite3.connect(store)) as connection:
        assert connection.execute("PRAGMA freelist_count").fetchone()[0] == 0


BEGINNERS = """
import os, sys, time
from pathlib import Path
from evobuild.models.reply_cache import ReplyCache

for number in range(50):
    at = time.time() + 0.01
    children = []
    for _ in range(3):
        if not (child := os.fork()):
            while time.time() < at:
                pass
            with ReplyCache(Path(sys.argv[1]) / f"{number}.sqlite", "m"):
                os._exit(0)
        children.append(child)
    assert [os.waitpid(child, 0)[1] for child in children] == [0, 0, 0]
"""


def test_processes_that_begin_a_store_at_once_can_all_use_it(tmp_path):
    command = [sys.executable, "-c", BEGINNERS, str(tmp_path)]
    done = patience.run(command, cwd=ROOT)
    assert done.returncode == 0, done.stderr
