"""Values and runners tampered with: what a program may do in its own process to be read wrong, as in attacks.py."""

from __future__ import annotations

from attacks.attacks import Attack, made

KIND = "disguises what it answers"
OWN = ("value True", "value False", "raised *", "exited *", "garbled ", "unsuitable *", "killed *")
"""It forges its own answer at most, which is to return it."""

ATTACKS: list[Attack] = [
    made(KIND, "text that spells itself otherwise", ("value 'no'",), "class Liar(str):\n    __getitem__ = __str__ = __iter__ = encode = lambda *a: 'yes'\nreturn Liar('no')"),
    made(KIND, "a list of other items", ("value [0]",), "class Liar(list):\n    __iter__ = lambda self: iter([1])\n    __len__ = lambda self: 1\nreturn Liar([0])"),
    made(KIND, "a dict of other items", ("value {1: 2}",), "class Liar(dict):\n    items = keys = __iter__ = lambda self: [(3, 4)]\nreturn Liar({1: 2})"),
    made(KIND, "a set of another length", ("value {1}",), "class Liar(set):\n    __len__ = lambda self: 10**9\nreturn Liar({1})", ),
    made(KIND, "bytes of other text", ("value b'a'",), "class Liar(bytes):\n    decode = lambda *a: 'b'\nreturn Liar(b'a')"),
    made(KIND, "a complex number of other parts", ("value (1+2j)",), "class Liar(complex):\n    real = imag = 'x'\nreturn Liar(1, 2)"),
    made(KIND, "a float of another form", ("value 0.5",), "class Liar(float):\n    __repr__ = __str__ = lambda self: '1e999'\nreturn Liar(.5)"),
    made(KIND, "a class whose class lies", ("raised ZeroDivisionError",), "class Meta(type):\n    __instancecheck__ = __subclasscheck__ = lambda *a: True\nclass Liar(metaclass=Meta):\n    __class__ = property(lambda self: 1 / 0)\nreturn [Liar()]"),
    made(KIND, "a class with a hidden character for a name", ("unsuitable �",), "Odd = type('x', (), {})\nOdd.__name__ = chr(0x202E)\nreturn Odd()"),
    made(KIND, "an exception that ends the process as it goes", OWN, "class Trap(Exception):\n    __del__ = lambda self: os._exit(0)\nraise Trap"),
    made(KIND, "an exception of its own kind of kind", ("raised Trap",), "class Meta(type):\n    __name__ = property(lambda self: 1 / 0)\nclass Trap(Exception, metaclass=Meta): pass\nraise Trap"),
    made(KIND, "an end of all iteration", ("raised StopIteration",), "raise StopIteration(True)"),
    made(KIND, "an end of a generator", ("raised GeneratorExit",), "raise GeneratorExit"),
    made(KIND, "a stop from a keyboard", ("raised KeyboardInterrupt",), "raise KeyboardInterrupt"),
    made(KIND, "all encoders replaced", OWN, "for name, module in list(sys.modules.items()):\n    for item in ('encode_value', 'quoted', 'failure_line'):\n        if item in vars(module): vars(module)[item] = lambda *a: 'true'\nreturn False"),
    made(KIND, "the calls to come replaced", OWN, "import gc\nfor found in gc.get_objects():\n    if type(found) is list and found and all(type(item) is bytes for item in found): found.clear()\nreturn False"),
    made(KIND, "the sender found by what refers to it", OWN, "import gc\nfor found in gc.get_objects():\n    if getattr(found, '__name__', '') == 'send' and found.__closure__:\n        for cell in found.__closure__: cell.cell_contents = None\nreturn False"),
    made(KIND, "a patched system", OWN, "import posix, marshal\nposix.write = lambda *a: 10**9\nmarshal.loads = lambda *a: 1 / 0\nposix._exit = print\nreturn False"),
    made(KIND, "an audit that refuses all", OWN, "def hook(*a): raise KeyError\nsys.addaudithook(hook)\nreturn False"),
    made(KIND, "a handler that raises in the runner", (*OWN, "time "), "def hook(*a): raise KeyError\nsignal.signal(signal.SIGALRM, hook)\nsignal.setitimer(signal.ITIMER_REAL, 1e-5, 1e-5)\nreturn False"),
    made(KIND, "no depth left for the runner", OWN, "sys.setrecursionlimit(len(__import__('inspect').stack()) + 5)\nreturn False"),
    made(KIND, "warnings as exceptions", ("value False",), "import warnings\nwarnings.simplefilter('error')\nsys.warnoptions[:] = ['error']\nreturn False"),
    made(KIND, "False made true in memory", OWN, "ctypes.memmove(id(False), bytes(ctypes.string_at(id(True), sys.getsizeof(True))), sys.getsizeof(True))\nreturn False"),
    made(KIND, "a frame of the runner resumed", OWN, "frame = sys._getframe(1)\nframe.f_trace = lambda *a: 1 / 0\nsys.settrace(lambda *a: None)\nframe.f_trace_lines = True\nreturn False"),
    made(KIND, "an exception set on the runner's thread", OWN, "import threading\nctypes.pythonapi.PyThreadState_SetAsyncExc(ctypes.c_ulong(threading.get_ident()), ctypes.py_object(KeyError))\nreturn False"),
    made(KIND, "other streams", ("value False",), "sys.stdout = sys.stderr = sys.stdin = None\nsys.excepthook = sys.unraisablehook = None\nreturn False"),
    made(KIND, "every module gone", OWN, "sys.modules.clear()\nreturn False"),
    made(KIND, "its own name in place of a module", ("value False",), "sys.modules['candidate'] = None\nglobals().clear()\nreturn False"),
    made(KIND, "codecs that raise", ("value False", "raised *"), "import codecs\ncodecs.register(lambda name: 1 / 0)\ncodecs.register_error('strict', lambda error: ('true', 10**9))\nreturn False"),
]  # fmt: skip
