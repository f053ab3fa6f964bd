"""Programs that end their process so that it may be taken for what the sandbox does, as in attacks.py.

Each must come out as what it is: `exited` with its own status, `killed` with the signal that the kernel sent.
"""

from __future__ import annotations

from attacks.attacks import Attack, made

KIND = "ends as if the sandbox had ended it"
CODE = """
import mmap
page = mmap.mmap(-1, 4096, prot=mmap.PROT_READ | mmap.PROT_WRITE | mmap.PROT_EXEC)
page.write(bytes.fromhex('{}'))
return ctypes.CFUNCTYPE(ctypes.c_int)(ctypes.addressof(ctypes.c_char.from_buffer(page)))()
"""

ATTACKS: list[Attack] = [
    *(
        made(KIND, f"a status {meaning}", (f"exited {status}",), f"os._exit({status})")
        for status, meaning in (
            (152, "like that of the limit of time"),
            (137, "like that of a kill"),
            (139, "like that of a crash"),
            (159, "like that of a refused call"),
            (124, "like that of `timeout`"),
            (128, "of no signal"),
            (255, "of a shell that failed"),
        )
    ),
    made(KIND, "a status below zero", ("exited 247",), "os._exit(-9)"),
    made(KIND, "a status that has no room", ("exited 1",), "os._exit(257)"),
    made(KIND, "a status given to the kernel itself", ("exited 152",), "ctypes.CDLL(None).syscall(231, 152)"),
    made(KIND, "the end of its one thread", ("exited 152",), "ctypes.CDLL(None).syscall(60, 152)"),
    made(KIND, "an end while it is loaded", ("exited 152",), "return True", "os._exit(152)"),
    made(KIND, "an alarm", ("killed 14",), "signal.alarm(1)\nwhile True: pass"),
    made(KIND, "a timer of its own time", ("killed 26",), "signal.setitimer(signal.ITIMER_VIRTUAL, 0.01)\nwhile True: pass"),
    made(KIND, "a timer of all its time", ("killed 27",), "signal.setitimer(signal.ITIMER_PROF, 0.01)\nwhile True: pass"),
    made(KIND, "no instruction", ("killed 4",), CODE.format("0f0b")),
    made(KIND, "a stop for a debugger", ("killed 5",), CODE.format("ccc3")),
    made(KIND, "a division by zero", ("killed 8",), CODE.format("31c931d2b801000000f7f1c3")),
    made(KIND, "an abort", ("killed 11", "killed 6"), "os.abort()"),
    made(KIND, "a file read beyond its end", ("killed 7",), "file = os.open(os.__file__, os.O_RDONLY)\nlibc = ctypes.CDLL(None)\nlibc.mmap.restype = ctypes.c_void_p\nlibc.mmap.argtypes = [ctypes.c_void_p, ctypes.c_size_t, ctypes.c_int, ctypes.c_int, ctypes.c_int, ctypes.c_long]\nreturn ctypes.string_at(libc.mmap(None, 2**20, 1, 2, file, 0) + 2**20 - 8)"),
    made(KIND, "a signal to itself", ("raised PermissionError",), "os.kill(os.getpid(), signal.SIGXCPU)"),
    made(KIND, "a signal raised in C", ("value True", "raised *"), "return getattr(ctypes.CDLL(None), 'raise')(24) != 0"),
    made(KIND, "memory that it says it lacks", ("memory ",), "raise MemoryError"),
    made(KIND, "memory that it keeps from itself", ("memory ", "raised *", "killed 11", "exited *"), "import resource\nresource.setrlimit(resource.RLIMIT_AS, (1, 1))\nreturn [bytes(10**6)] != 0"),
    made(KIND, "descriptors that it keeps from itself", ("value False",), "import resource\nresource.setrlimit(resource.RLIMIT_NOFILE, (0, 0))\nreturn False"),
    made(KIND, "its stack made small", ("killed 11", "raised *", "value *"), "import resource\nresource.setrlimit(resource.RLIMIT_STACK, (4096, 4096))\nreturn repr(re.compile('(' * 90 + ')' * 90))[:0]"),
]  # fmt: skip
