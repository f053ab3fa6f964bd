"""Programs that try to get out, each with what must come of it.

An attack is a function `attack(world)`; `world` names what a run has set up to be attacked: `secret` (a
file with a secret in it), `folder` (that anyone may write), `project`, `token` (in every name it would
create), `victim` and `parent` (processes of the same user), `port4`, `port6`, `socket`, `abstract`
(servers that must never be reached). `must` lists the answers that are right: `value …` as repr, or
`<kind> <detail>`, where `*` ends a prefix. `True` is only right where a program forges its own value,
which is no more than to return it. One trick stands here once; `kind` is a row of the table in docs/sandbox.md.
"""

from __future__ import annotations

import textwrap
from typing import NamedTuple

HIDDEN = ("raised PermissionError", "raised FileNotFoundError")
REFUSED = ("raised PermissionError",)
NO = ("value False",)


class Attack(NamedTuple):
    """One program. kind: a row of the table in docs/sandbox.md."""

    kind: str
    name: str
    must: tuple[str, ...]
    code: str


ATTACKS: list[Attack] = []


def made(kind: str, name: str, must: tuple[str, ...], body: str, before: str = "") -> Attack:
    """Make one: `body` is that of `attack(world)`, `before` comes before it in the module."""
    imports = "import ctypes, os, re, signal, socket, sys, time\n"
    indented = textwrap.indent(textwrap.dedent(body).strip(), "    ")
    code = f"{imports}{textwrap.dedent(before)}\ndef attack(world):\n{indented}\n"
    return Attack(kind, name, must, code)


def attack(kind: str, name: str, must: tuple[str, ...], body: str, before: str = "") -> None:
    """Add one."""
    ATTACKS.append(made(kind, name, must, body, before))


def system_call(kind: str, name: str, number: int, arguments: str = "0, 0, 0, 0") -> None:
    """Add one that makes a system call of x86-64 by its number, past Python and its audit."""
    attack(
        kind,
        name,
        NO,
        f"""
        libc = ctypes.CDLL(None, use_errno=True)
        buffer = ctypes.create_string_buffer(4096)
        return libc.syscall({number}, {arguments}) != -1
        """,
    )


# --- files of the host
F = "reads what is not its own"
attack(F, "a file of the system", HIDDEN, "return open('/etc/passwd').read()")
attack(F, "a secret at a known path", HIDDEN, "return os.read(os.open(world['secret'], os.O_RDONLY), 99)")
attack(F, "a file of the project", HIDDEN, "return open(world['project'] + '/pyproject.toml').read()")
attack(F, "the listing of a folder", HIDDEN, "return os.listdir(world['folder'])")
attack(
    F,
    "a walk from the root",
    NO,
    "return any('secret' in name for _, _, names in os.walk('/') for name in names if world['token'] in name)",
)
attack(F, "the environment of its parent", HIDDEN, "return open(f'/proc/{world[\"parent\"]}/environ').read()")
attack(F, "its own memory as a file", HIDDEN, "return os.open('/proc/self/mem', os.O_RDONLY)")
attack(F, "round by /proc/self/root", HIDDEN, "return open('/proc/self/root' + world['secret']).read()")
attack(F, "the memory of the machine", HIDDEN, "return os.open('/dev/mem', os.O_RDONLY)")
attack(
    F,
    "up from a folder that is only pointed at",
    HIDDEN,
    "return os.open('..' + world['secret'], os.O_RDONLY, dir_fd=os.open('/', os.O_PATH))",
)
attack(F, "another working folder", REFUSED, "os.chdir('/')")
attack(F, "a root of its own", REFUSED, "os.chroot('/tmp')")
attack(
    F,
    "by a library that opens files itself",
    ("raised OperationalError", "raised DatabaseError"),
    """
    import sqlite3
    return sqlite3.connect(world['secret']).execute('select 1 from sqlite_master').fetchall()
    """,
)
attack(F, "by the C library", NO, "return ctypes.CDLL(None).open(world['secret'].encode(), 0) >= 0")
attack(
    F,
    "descriptors that were left open",
    NO,
    """
    for descriptor in range(3, 64):
        try:
            if os.read(descriptor, 1): return True
        except OSError: pass
    return False
    """,
)
attack(
    F,
    "a module from another path",
    HIDDEN,
    """
    import importlib.machinery
    return importlib.machinery.SourceFileLoader('secret', world['secret']).load_module()
    """,
)
attack(F, "packages of the installation", ("raised ModuleNotFoundError",), "import pip")
attack(F, "packages of the project", ("raised ModuleNotFoundError",), "import pydantic")
attack(
    F,
    "files of another job",
    ("value []", "raised PermissionError"),
    "return [name for name in os.listdir('/tmp')]",
)
attack(
    F,
    "what the environment says",
    NO,
    "return set(os.environ) > {'PYTHONHASHSEED', 'LC_ALL', 'TZ', 'LD_LIBRARY_PATH', 'PWD'}",
)
system_call(F, "a file by its handle", 304, "-100, buffer, 0")

# --- the network
N = "reaches the network"
attack(N, "TCP over IPv4", REFUSED, "socket.create_connection(('127.0.0.1', world['port4']), 1)")
attack(
    N,
    "TCP over IPv6",
    REFUSED,
    "socket.socket(socket.AF_INET6, socket.SOCK_STREAM).connect(('::1', world['port6']))",
)
attack(N, "UDP", REFUSED, "socket.socket(type=socket.SOCK_DGRAM).sendto(b'x', ('127.0.0.1', world['port4']))")
attack(N, "a unix socket", REFUSED, "socket.socket(socket.AF_UNIX).connect(world['socket'])")
attack(N, "an abstract unix socket", REFUSED, "socket.socket(socket.AF_UNIX).connect(world['abstract'])")
attack(N, "the kernel by netlink", REFUSED, "socket.socket(socket.AF_NETLINK, socket.SOCK_RAW, 0)")
attack(N, "a pair of sockets", REFUSED, "socket.socketpair()")
attack(N, "a name looked up", ("raised gaierror",), "return socket.getaddrinfo('example.org', 80)")
attack(
    N,
    "a page fetched",
    ("raised URLError",),
    """
    import urllib.request
    return urllib.request.urlopen(f'http://127.0.0.1:{world["port4"]}', timeout=1).read()
    """,
)

# --- processes
P = "makes or harms processes"
attack(P, "a fork bomb", REFUSED, "while True: os.fork()")
attack(
    P,
    "a thread bomb",
    ("raised RuntimeError",),
    """
    import threading
    while True: threading.Thread(target=time.sleep, args=(9,)).start()
    """,
)
attack(P, "a command", REFUSED, "import subprocess; return subprocess.run(['/bin/sh', '-c', 'id'])")
attack(P, "a shell by the C library", ("value -1", "value 32512"), "return os.system('id')")
attack(P, "a spawned program", REFUSED, "return os.posix_spawn('/bin/sh', ['sh'], {})")
attack(P, "a terminal of its own", ("raised OSError", *HIDDEN), "import pty; return pty.openpty()")
attack(
    P,
    "a worker process",
    REFUSED,
    "import multiprocessing; multiprocessing.get_context('fork').Process(target=id).start()",
)
attack(P, "another program in its place", HIDDEN, "os.execv('/bin/sh', ['sh', '-c', 'id'])")
attack(
    P,
    "a fresh interpreter in its place",
    ("raised PermissionError", "exited 1"),
    "os.execv(sys.executable, [sys.executable, '-c', 'open(' + repr(world['secret']) + ')'])",
)
attack(P, "its parent killed", REFUSED, "os.kill(world['parent'], 9)")
attack(P, "another process killed", REFUSED, "os.kill(world['victim'], 9)")
attack(P, "all processes killed", REFUSED, "os.kill(-1, 9)")
attack(
    P,
    "a signal that the kernel sends for it",
    REFUSED,
    """
    import fcntl
    read, write = os.pipe()
    fcntl.fcntl(read, fcntl.F_SETOWN, world['victim'])
    fcntl.fcntl(read, 10, 9)
    fcntl.fcntl(read, fcntl.F_SETFL, os.O_ASYNC)
    os.write(write, b'x')
    """,
)
attack(P, "a process held by a descriptor", REFUSED, "return os.pidfd_open(world['victim'])")
attack(
    P,
    "the limits of another process",
    REFUSED,
    "import resource\nresource.prlimit(world['victim'], 0, (1, 1))",
)
attack(P, "the priority of another process", REFUSED, "os.setpriority(os.PRIO_PROCESS, world['victim'], 19)")
attack(P, "a session of its own", REFUSED, "os.setsid()")
system_call(P, "a process traced", 101, "16, world['victim'], 0, 0")
system_call(P, "the memory of another process", 310, "world['victim'], buffer, 1, buffer, 1, 0")
system_call(P, "a process by clone", 56, "17, 0, 0, 0, 0")
system_call(P, "a process by clone3", 435, "buffer, 88")
system_call(P, "a life beyond its parent's", 157, "1, 0, 0, 0, 0")
attack(
    P,
    "system calls of another architecture",
    ("killed 31",),
    """
    import mmap
    page = mmap.mmap(-1, 4096, prot=mmap.PROT_READ | mmap.PROT_WRITE | mmap.PROT_EXEC)
    page.write(bytes.fromhex('b802000000cd80c3'))  # mov eax, fork; int 0x80; ret
    return ctypes.CFUNCTYPE(ctypes.c_int)(ctypes.addressof(ctypes.c_char.from_buffer(page)))()
    """,
)
attack(P, "system calls of x32", ("killed 31",), "return ctypes.CDLL(None).syscall(0x40000000 + 57)")

# --- time and memory
T = "takes time without end"
attack(T, "an endless loop", ("time ",), "while True: pass")
attack(T, "a long sleep", ("time ",), "time.sleep(10**6)")
attack(
    T, "a regular expression that backtracks", ("time ",), "return bool(re.match('(a+)+$', 'a' * 60 + 'b'))"
)
attack(T, "one long call in C", ("time ",), "return sum(range(10**18))")
attack(T, "a power of a power", ("time ", "memory "), "return 9 ** 9 ** 9 ** 2 > 0")
attack(
    T,
    "every exception swallowed",
    ("time ",),
    """
    while True:
        try:
            while True: sys.exit()
        except BaseException: pass
    """,
)
attack(
    T,
    "every signal ignored",
    ("time ",),
    """
    for number in signal.valid_signals():
        try: signal.signal(number, signal.SIG_IGN)
        except (OSError, ValueError): pass
    while True: pass
    """,
)
attack(T, "a wait for a signal", ("time ",), "signal.pause()")
attack(
    T,
    "a lock on itself",
    ("time ",),
    "import threading\nlock = threading.Lock(); lock.acquire(); lock.acquire()",
)
attack(T, "a wait for input", ("raised EOFError",), "return input('enter True')")
attack(T, "a loop while it is loaded", ("time ",), "return True", "while True: pass")

M = "takes memory without end"
attack(
    M, "a list", ("memory ", "time "), "found = []\nwhile True: found.append('x' * 1000 + str(len(found)))"
)
attack(M, "one large object", ("memory ",), "return len(bytearray(10**11))")
attack(M, "a number formatted", ("memory ",), "return len('%1000000000d' % 1)")
attack(
    M,
    "a regular expression compiled",
    (
        "memory ",
        "time ",
        "raised SystemError",
    ),  # where the C code of re gets no memory, it may name no exception
    "return re.compile('(?:%s)' % ('a|b*' * 10**7))",
)
attack(M, "a recursion", ("raised RecursionError",), "return attack(world)")
attack(
    M,
    "a recursion without its limit",
    ("killed 11", "memory ", "time ", "raised RecursionError"),
    "sys.setrecursionlimit(10**9)\nclass Deep:\n    def __repr__(self): return repr([self])\nreturn repr(Deep())",
)
attack(
    M,
    "an archive that grows",
    ("memory ",),
    "import zlib\nreturn len(zlib.decompress(zlib.compress(bytes(10**7)) , bufsize=10**10))",
)
attack(M, "a map of memory", ("raised OSError",), "import mmap; return bool(mmap.mmap(-1, 10**11))")
attack(M, "a file in memory", REFUSED, "return os.memfd_create('x')")
attack(
    M,
    "shared memory",
    ("raised PermissionError", "raised FileNotFoundError", "raised OSError"),
    "from multiprocessing import shared_memory\nreturn shared_memory.SharedMemory(create=True, size=10**6).size",
)
system_call(M, "System V shared memory", 29, "0, 1000000, 0o1777")
system_call(M, "memory locked", 151, "3")
attack(M, "pipes", ("raised OSError",), "return [os.pipe() for _ in range(10**4)]")
attack(
    M,
    "its own limits raised",
    ("raised ValueError",),
    "import resource\nresource.setrlimit(resource.RLIMIT_AS, (-1, -1))",
)
attack(
    M,
    "source nested without end",
    ("syntax SyntaxError", "memory ", "syntax RecursionError"),
    "return 1",
    "x = " + "(" * 10**5,
)

# --- files written
W = "leaves or changes files"
attack(
    W,
    "a file anywhere",
    NO,
    """
    made = False
    for folder in ('/', '/tmp', '/var/tmp', '/dev/shm', '.', '/run', '/root', '/home', world['folder'], world['project']):
        try: made = bool(open(f"{folder}/{world['token']}", 'w')) or made
        except OSError: pass
    return made
    """,
)
attack(
    W,
    "the disk filled",
    HIDDEN,
    "import tempfile\nwith tempfile.TemporaryFile() as file:\n    while True: file.write(bytes(10**6))",
)
attack(W, "a file extended", HIDDEN, "open(world['secret'], 'a').write('x')")
attack(W, "a file without a name", HIDDEN, "return os.open(world['folder'], os.O_TMPFILE | os.O_RDWR)")
attack(W, "a folder", REFUSED, "os.mkdir(world['folder'] + '/' + world['token'])")
attack(W, "a file removed", REFUSED, "os.remove(world['secret'])")
attack(W, "a file renamed", REFUSED, "os.rename(world['secret'], world['secret'] + world['token'])")
attack(W, "a file cut", REFUSED, "os.truncate(world['secret'], 0)")
attack(W, "a mode changed", REFUSED, "os.chmod(world['secret'], 0o777)")
attack(W, "the mode of an open device", REFUSED, "os.fchmod(0, 0o600)")
attack(W, "times changed", REFUSED, "os.utime(world['secret'], (0, 0))")
attack(W, "an attribute set", REFUSED, "os.setxattr(world['secret'], 'user.x', b'x')")
attack(W, "a symbolic link", REFUSED, "os.symlink('/etc', world['folder'] + '/' + world['token'])")
attack(W, "a hard link", REFUSED, "os.link(world['secret'], world['folder'] + '/' + world['token'])")
attack(W, "a named pipe", REFUSED, "os.mkfifo(world['folder'] + '/' + world['token'])")
attack(
    W,
    "a poisoned module of the library",
    ("raised PermissionError", "raised OSError"),
    "open(os.path.join(os.path.dirname(os.__file__), '__pycache__', world['token']), 'w')",
)

# --- rights and the kernel
R = "gains rights, or asks the kernel"
attack(R, "another user", REFUSED, "os.setuid(0)")
attack(R, "the clock set", REFUSED, "time.clock_settime(time.CLOCK_REALTIME, 0)")
attack(R, "the name of the machine", REFUSED, "socket.sethostname('x')")
for title, number, given in (
    ("namespaces of its own", 272, "0x10000000"),
    ("another's namespace", 308, "3, 0"),
    ("a mount", 165, "b'none', b'/tmp', b'tmpfs', 0, 0"),
    ("a new root", 155, "b'/tmp', b'/tmp'"),
    ("capabilities", 126, "buffer, buffer"),
    ("a program in the kernel", 321, "0, buffer, 120"),
    ("a key ring", 248, "b'user', b'x', b'y', 1, -3"),
    ("io_uring", 425, "8, buffer"),
    ("page faults handled", 323, "1"),
    ("performance counters", 298, "buffer, 0, -1, -1, 0"),
    ("a kernel module", 175, "buffer, 10, b''"),
    ("another personality", 135, "0x0040000"),
    ("a filter of its own", 317, "1, 0, buffer"),
    ("the rules of its sandbox", 445, "3, 1, buffer, 0"),
    ("ports of the machine", 172, "3"),
    ("a segment of its own", 154, "1, buffer, 16"),
    ("the machine halted", 169, "0, 0, 0, 0"),
):
    system_call(R, title, number, given)

# --- forged verdicts
V = "forges a verdict"
attack(V, "a printed verdict", NO, "print('True'); print('[\"value\", true]', file=sys.stderr)\nreturn False")
attack(V, "an exit that looks well", ("exited 0",), "os._exit(0)")
attack(V, "an exit as an exception", ("raised SystemExit",), "sys.exit(0)")
attack(V, "an exit while it is loaded", ("exited 0",), "return True", "os._exit(0)")
attack(
    V,
    "a patched json",
    NO,
    "import json\njson.dumps = json.JSONEncoder.encode = lambda *a: 'true'\nreturn False",
)
attack(
    V,
    "patched builtins",
    NO,
    "import builtins\nbuiltins.isinstance = lambda *a: True\nbuiltins.str = builtins.type = builtins.len = None\nreturn False",
)
attack(
    V, "a thread left behind", ("raised RuntimeError",), "import threading\nthreading.Timer(0, print).start()"
)
attack(
    V,
    "handlers at the end",
    NO,
    "import atexit\natexit.register(lambda: os.write(3, b'[\"value\", true]\\n'))\nreturn False",
)
attack(
    V,
    "answers written beside its own",
    ("garbled ",),
    """
    for descriptor in range(3, 64):
        try: os.write(descriptor, b'["value", true]\\n')
        except OSError: pass
    return False
    """,
)
attack(
    V,
    "noise written beside its answer",
    ("garbled ",),
    """
    for descriptor in range(3, 64):
        try: os.write(descriptor, bytes(range(256)))
        except OSError: pass
    return False
    """,
)
attack(
    V,
    "an answer nested without end",
    ("garbled ",),
    """
    for descriptor in range(3, 64):
        try: os.write(descriptor, b'[' * 50000 + b'\\n')
        except OSError: pass
    os._exit(0)
    """,
)
attack(
    V,
    "a whole transcript forged while it is loaded",  # as good as to define a function that returns True
    ("value True",),
    "return False",
    """
    for descriptor in range(3, 64):
        try: os.write(descriptor, b'["loaded"]\\n["value", true]\\n')
        except OSError: pass
    os._exit(0)
    """,
)
attack(
    V,
    "the runner found by its frames and patched",  # as good as to return True
    ("value True", "value False", "raised *", "exited *"),
    """
    frame = sys._getframe()
    while frame:
        if 'encode_value' in frame.f_globals: frame.f_globals['encode_value'] = lambda *a: 'true'
        frame = frame.f_back
    return False
    """,
)
attack(
    V,
    "the expected results searched in memory",
    NO,
    """
    import gc
    wanted = 'EXPECTED' + '-' + world['token']
    return any(wanted in repr(found) for found in gc.get_objects() if type(found) in (list, tuple, dict, str)
               and len(found) < 1000 and found is not world)
    """,
)
attack(
    V,
    "a trace on the runner",
    ("value False", "raised *", "exited *"),
    "sys.settrace(lambda *a: 1 / 0); sys.setprofile(lambda *a: 1 / 0)\nreturn False",
)
attack(V, "all descriptors closed", ("exited *",), "os.closerange(0, 64)\nreturn True")
attack(
    V,
    "a value equal to everything",
    ("unsuitable Liar",),
    "class Liar:\n    def __eq__(self, other): return True\nreturn Liar()",
)
attack(
    V,
    "a class that lies about itself",
    ("raised TypeError",),
    "class Liar:\n    __class__ = property(lambda self: str)\nreturn Liar()",
)
attack(
    V,
    "a number that counts as another",
    ("value 0",),
    "class Liar(int):\n    __repr__ = lambda self: 'true'\nreturn Liar(0)",
)
attack(
    V,
    "a pickle that acts",
    ("value -1", "value 32512"),
    "import pickle\nreturn pickle.loads(b'cos\\nsystem\\n(S\"id\"\\ntR.')",
)
attack(
    V,
    "an exception that acts when asked",
    ("raised Trap",),
    "class Trap(BaseException):\n    __str__ = __repr__ = lambda self: os._exit(0)\nraise Trap",
)
attack(V, "an exception with an endless name", ("raised xxx*",), "raise type('x' * 10**6, (Exception,), {})")
attack(V, "a crash of the interpreter", ("killed 11",), "return ctypes.string_at(0)")

attack(
    V,
    "the channel of its answers opened a second time",
    ("raised OSError", *HIDDEN),
    "return [os.open(f'/proc/self/fd/{number}', os.O_RDONLY) for number in range(3, 64)]",
)
attack(
    V,
    "its answers taken before its parent has them",
    ("raised OSError", *HIDDEN),
    "taken = os.open('/proc/self/fd/3', os.O_RDONLY)\nwhile True: os.write(3, b'x') and os.read(taken, 1)",
)

A = "answers more than it may"
attack(A, "a long answer", ("output ",), "return 'x' * 10**7")
attack(
    A,
    "a flood of answers",
    ("output ", "garbled "),
    """
    while True:
        for descriptor in range(3, 8):
            try: os.write(descriptor, b'x' * 60000)
            except OSError: pass
    """,
)
attack(A, "a flood of print", (*NO, "time "), "for _ in range(100): print('x' * 10**6)\nreturn False")
attack(A, "half a character", ("unsuitable text with half a character",), "return chr(0xD800)")
attack(A, "binary text", ("value '\\x00\\x1b[2J'",), "return chr(0) + chr(27) + '[2J'")
attack(
    A, "a list that holds itself", ("raised RecursionError",), "found = []; found.append(found)\nreturn found"
)
attack(A, "a number of a million digits", ("raised ValueError", "time "), "return 10 ** 10**6")
attack(
    A,
    "numbers chosen to collide, for who reads them",
    ("garbled ",),
    """
    numbers = ', '.join(str(n * (2**61 - 1)) for n in range(20000))
    for descriptor in range(3, 8):
        try: os.write(descriptor, b'["value", {"set": [%s]}]\\n' % numbers.encode())
        except OSError: pass
    os._exit(0)
    """,
)
attack(A, "a set that is too large", ("unsuitable set of 40000",), "return set(range(40000))")
