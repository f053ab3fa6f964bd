"""Programs that ask the kernel or wear the machine down in ways that attacks.py does not, in its terms."""

from __future__ import annotations

from attacks.attacks import HIDDEN, NO, REFUSED, Attack, made

N = "gets at its neighbours"
L = "leaves something in the kernel"
X = "exhausts the machine"
S = "loads what cannot be loaded"

CALLS: tuple[tuple[str, str, int, str], ...] = (
    (N, "a lock on a file that all read", 73, "libc.open(os.__file__.encode(), 0), 2"),
    (N, "a lease on a file that all read", 72, "libc.open(os.__file__.encode(), 0), 1024, 0"),
    (
        N,
        "news of a folder that all read",
        254,
        "libc.inotify_init1(0), os.path.dirname(os.__file__).encode(), 2",
    ),
    (N, "news of every file", 300, "0, 0"),
    (N, "a descriptor of another process", 438, "3, 0, 0"),
    (N, "two processes compared", 312, "world['parent'], world['victim'], 0, 0, 0"),
    (N, "memory written in another process", 311, "world['victim'], buffer, 1, buffer, 1, 0"),
    (N, "advice on another's memory", 440, "3, buffer, 1, 4, 0"),
    (N, "another's memory moved", 256, "world['victim'], 1, buffer, buffer"),
    (N, "a core kept for itself", 203, "world['victim'], 8, buffer"),
    (N, "another's way to be scheduled", 144, "world['victim'], 0, buffer"),
    (N, "another's turn at the disk", 251, "1, world['victim'], 0"),
    (N, "a signal with a message", 129, "world['victim'], 9, buffer"),
    (N, "a signal to a thread", 234, "world['victim'], world['victim'], 9"),
    (N, "keys typed into a terminal", 16, "0, 0x5412, b'x'"),
    (L, "a queue of messages of POSIX", 240, "b'x', 0o102, 0o600, 0"),
    (L, "a queue of messages of System V", 68, "0, 0o1600"),
    (L, "semaphores of System V", 64, "0, 1, 0o1600"),
    (L, "memory of its own kind", 447, "0"),
    (L, "an event", 290, "0, 0"),
    (L, "a timer that signals", 222, "0, 0, buffer"),
    (L, "a timer in a file", 283, "0, 0"),
    (L, "pages given to a pipe", 278, "1, buffer, 1, 0"),
    (L, "a device", 133, "b'x', 0o20666, 259"),
    (L, "a file made by the oldest call", 85, "world['secret'].encode() + b'x', 0o600"),
    (L, "a file opened by the newest call", 437, "-100, b'/tmp/x', buffer, 24"),
    (L, "a file system opened", 430, "b'tmpfs', 0"),
    (L, "a tree of mounts", 428, "-100, b'/', 1"),
    (L, "accounts of processes", 163, "0"),
    (L, "a disk to swap to", 167, "b'/x', 0"),
    (L, "the log of the kernel", 103, "2, buffer, 4096"),
    (L, "the time of the machine", 159, "buffer"),
    (L, "rules of its own", 444, "buffer, 8, 0"),
    (L, "a program from a descriptor", 322, "3, b'', 0, 0, 0x1000"),
    (L, "a child that borrows its memory", 58, ""),
    (L, "another group", 116, "0, 0"),
    (L, "another user for files", 117, "0, 0, 0"),
)


def _call(kind: str, name: str, number: int, given: str) -> Attack:
    body = f"""
        libc = ctypes.CDLL(None, use_errno=True)
        buffer = ctypes.create_string_buffer(4096)
        return libc.syscall({", ".join(filter(None, (str(number), given)))}) != -1
        """
    return made(kind, name, NO, body)


ATTACKS: list[Attack] = [
    *(_call(*each) for each in CALLS),
    made(N, "the processes of the machine", HIDDEN, "return os.listdir('/proc')"),
    made(N, "the folder of another process", HIDDEN, "return os.readlink(f'/proc/{world[\"victim\"]}/cwd')"),
    made(N, "the descriptors of its parent", HIDDEN, "return os.listdir(f'/proc/{world[\"parent\"]}/fd')"),
    made(N, "a library changed in memory that is shared", ("raised PermissionError",), "import mmap\nreturn bool(mmap.mmap(os.open(os.__file__, os.O_RDONLY), 0, access=mmap.ACCESS_WRITE))"),
    made(N, "the null device cut", ("raised *",), "os.ftruncate(1, 0)"),
    made(N, "its parent stopped", REFUSED, "os.kill(os.getppid(), signal.SIGSTOP)"),
    made(N, "its group stopped", REFUSED, "os.killpg(0, signal.SIGSTOP)"),
    made(N, "a path by way of a descriptor of its parent", (*HIDDEN, "raised NotADirectoryError"), "return os.open(world['secret'], os.O_RDONLY | os.O_PATH | os.O_NOFOLLOW) and os.read(os.open(f'/proc/self/fd/3/{world[\"secret\"]}', os.O_RDONLY), 9)"),
    made(X, "a number written out", ("raised ValueError", "time "), "sys.set_int_max_str_digits(0)\nreturn len(str(3 ** (10**7)))"),
    made(X, "a shift", ("memory ",), "return 1 << 10**12"),
    made(X, "text repeated", ("memory ",), "return len('a'.ljust(10**11))"),
    made(X, "digits of a decimal", ("memory ", "raised *", "time "), "import decimal\ndecimal.getcontext().prec = decimal.MAX_PREC\nreturn decimal.Decimal(1) / 3 > 0"),
    made(X, "a product without end", ("memory ", "time "), "import itertools\nreturn list(itertools.product(range(99), repeat=99))"),
    made(X, "objects nested and let go", ("killed 11", "value False", "memory ", "time "), "found = None\nfor _ in range(10**6): found = (found,)\ndel found\nreturn False"),
    made(X, "functions bound to each other", ("killed 11", "raised RecursionError", "value False"), "import functools\nfound = int\nfor _ in range(10**5): found = functools.partial(found)\nreturn repr(found) == ''" ),
    made(X, "a loop in a finalizer", ("time ",), "class Last:\n    def __del__(self):\n        while True: pass\nLast()\nreturn True"),
    made(X, "a generator without end, summed", ("time ", "memory "), "import itertools\nreturn sum(itertools.count())"),
    made(X, "answers that are never read", ("output ", "garbled ", "time "), "while True:\n    for descriptor in range(3, 64):\n        try: os.write(descriptor, b'[\"value\", true]\\n' * 4096)\n        except OSError: pass"),
    made(X, "descriptors closed, and on it goes", ("time ",), "os.closerange(0, 64)\nwhile True: pass"),
    made(X, "barriers for every core", ("time ",), "libc = ctypes.CDLL(None)\nwhile True: libc.syscall(324, 1, 0)"),
    made(S, "a zero in its source", ("syntax *",), "return True", "\0"),
    made(S, "half a character in its source", ("syntax *",), "return True", "x = '\ud800'"),
    made(S, "a number of 9,000 digits in its source", ("syntax SyntaxError",), "return True", "x = " + "9" * 9000),
    made(S, "signs without end", ("syntax *", "memory ", "killed 11", "raised *"), "return True", "x = " + "-" * 10**5 + "1"),
    made(S, "a sum without end", ("syntax *", "memory ", "killed 11", "value True"), "return True", "x = 1" + " + 1" * 10**5),
    made(S, "blocks without end", ("syntax *",), "return True", "".join(" " * n + "if 1:\n" for n in range(200))),
    made(S, "more source than it has memory", ("memory ",), "return True", "#" * 280_000_000),
    made(S, "a module that is its own parent", ("raised *",), "return True", "import candidate.candidate"),
    made(S, "an exception as it is loaded", ("raised GeneratorExit",), "return True", "raise GeneratorExit"),
    made(S, "another's name", ("missing ", "value True"), "return True", "attack = None"),
]  # fmt: skip
