"""Runs one viper kernel of an xtensawin .mpy under Debian's qemu-xtensa: its result and its instructions.

The function's machine code is taken out of the .mpy and put into a hand-made ELF: a start routine that calls
it as MicroPython does (a10 = function object, a11 = number of arguments, a13 = arguments), and a fake
function object -> context -> object table -> runtime table. In that table `native_to_obj` and its inverse are
identities (arguments are raw integers and addresses), `//` and `%` are the processor's, and every other slot
ends the program with a code, so that a hidden call of the runtime is caught. Instructions are counted by
qemu's execution log. No Xtensa tool chain is needed.
Layout: py/emitnative.c (start of a native function), py/nativeglue.c (order of the runtime table), .mpy 6.3.
"""

import re
import struct
import subprocess
import tempfile
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

BASE = 0x10000
CODE_AT = 0x2000
STUBS_AT = 0x100
XTENSAWIN = 10
VIPER_KIND = 2
IDENTITY_SLOTS = (3, 4, 44)  # native_from_obj, native_to_obj, and its typed form
QUOTIENT_SLOT, REMAINDER_SLOT = 46, 47
RUNTIME_SLOTS = 80
EXIT_OF_SLOT = 100
LX_CYCLES_TAKEN, LX_CYCLES_USE = 4, 2  # upper estimate: seven pipeline stages

Argument = int | bytes | bytearray


@dataclass(frozen=True)
class Run:
    """What one call did: result, buffers afterwards, instructions, cycles (upper estimate)."""

    result: int
    buffers: list[bytes]
    instructions: int
    cycles: int


class MpyReader:
    """Reads a .mpy: varints of seven bits, most significant first."""

    def __init__(self, data: bytes) -> None:
        self._data = data
        self._at = 0

    def take(self, count: int) -> bytes:
        self._at += count
        return self._data[self._at - count : self._at]

    def number(self) -> int:
        value = 0
        while True:
            (byte,) = self.take(1)
            value = value << 7 | byte & 0x7F
            if byte < 128:
                return value


def read_kernels(mpy: bytes, source: str) -> tuple[dict[str, bytes], int]:
    """Machine code of every viper function by name (they stand in order of definition), and the index of
    the runtime table among the module's objects."""
    reader = MpyReader(mpy)
    magic, version, flags, _ = reader.take(4)
    if (magic, version, flags >> 2 & 0x2F) != (0x4D, 6, XTENSAWIN):
        raise ValueError("not an xtensawin .mpy of version 6")
    if flags & 0x80:
        reader.number()
    texts, objects = reader.number(), reader.number()
    for _ in range(texts):
        length = reader.number()
        if not length & 1:
            reader.take((length >> 1) + 1)
    table = [_skip_object(reader) for _ in range(objects)].index(0)
    codes: list[bytes] = []
    _collect_viper(reader, codes)
    names = re.findall(r"^@micropython\.viper\ndef (\w+)", source, re.M)
    if len(names) != len(codes):
        raise ValueError(f"{len(names)} viper functions in the source, {len(codes)} in the .mpy")
    return dict(zip(names, codes, strict=True)), table


def _skip_object(reader: MpyReader) -> int:
    (kind,) = reader.take(1)
    if kind > 4:
        length = reader.number()
        if kind == 10:
            for _ in range(length):
                _skip_object(reader)
        else:
            reader.take(length + (1 if kind in (5, 6) else 0))
    return kind


def _collect_viper(reader: MpyReader, codes: list[bytes]) -> None:
    header = reader.number()
    kind, data = header & 3, reader.take(header >> 3)
    for _ in range((0, 1, 1, 3)[kind]):
        reader.number()
    if kind == VIPER_KIND:
        codes.append(data)
    if header & 4:
        for _ in range(reader.number()):
            _collect_viper(reader, codes)


class Image:
    """The ELF under construction: stubs and tables below 0x2000, then code, then data and stack."""

    def __init__(self, code: bytes) -> None:
        self._bytes = bytearray(CODE_AT) + code + bytes(-len(code) % 4096)
        self._at = STUBS_AT

    def put(self, piece: bytes) -> int:
        """Append to the stubs; returns the address."""
        start = self._at
        self._bytes[start : start + len(piece)] = piece
        self._at = (start + len(piece) + 3) & ~3
        if self._at > CODE_AT:
            raise ValueError("stubs overflow")
        return BASE + start

    def words(self, *values: int) -> int:
        return self.put(struct.pack(f"<{len(values)}I", *[value & 0xFFFFFFFF for value in values]))

    def align(self) -> int:
        self._at = (self._at + 15) & ~15
        return BASE + self._at

    def data_at(self) -> int:
        return BASE + len(self._bytes)

    def close(self, data: bytes, start: int, memory: int) -> bytes:
        size = len(self._bytes) + len(data)
        header = struct.pack(
            "<16sHHIIIIIHHHHHH",
            b"\x7fELF\x01\x01\x01" + bytes(9),
            *(2, 94, 1, start, 52, 0, 0, 52, 32, 1, 0, 0, 0),
        )
        header += struct.pack("<8I", 1, 0, BASE, BASE, size, memory, 7, 4096)
        self._bytes[: len(header)] = header
        return bytes(self._bytes) + data


def _rrr(op1: int, op2: int, r: int, s: int, t: int) -> bytes:
    return (op2 << 20 | op1 << 16 | r << 12 | s << 8 | t << 4).to_bytes(3, "little")


def _movi(register: int, value: int) -> bytes:
    return ((value & 0xFF) << 16 | 0xA << 12 | (value >> 8 & 15) << 8 | register << 4 | 2).to_bytes(
        3, "little"
    )


ENTRY = (4 << 12 | 1 << 8 | 3 << 4 | 6).to_bytes(3, "little")
RETURN = (13 | 15 << 12 | 1 << 4).to_bytes(2, "little")
SYSCALL = bytes((0, 0x50, 0))
STORE_RESULT = (6 << 12 | 9 << 8 | 10 << 4 | 2).to_bytes(3, "little")  # s32i a10, a9, 0
SYS_EXIT, SYS_WRITE = 118, 13


def build_image(
    code: bytes, table_index: int, arguments: Sequence[Argument]
) -> tuple[bytes, list[tuple[int, int]]]:
    """The program, and where each buffer lies in the data that it writes out (the result comes last)."""
    image = Image(code)
    identity = image.put(ENTRY + RETURN)
    special = dict.fromkeys(IDENTITY_SLOTS, identity)
    special[QUOTIENT_SLOT] = image.put(ENTRY + _rrr(2, 13, 2, 2, 3) + RETURN)
    special[REMAINDER_SLOT] = image.put(ENTRY + _rrr(2, 15, 2, 2, 3) + RETURN)
    slots = [
        special.get(slot) or image.put(ENTRY + _movi(6, EXIT_OF_SLOT + slot) + _movi(2, SYS_EXIT) + SYSCALL)
        for slot in range(RUNTIME_SLOTS)
    ]
    objects = image.words(*[0] * table_index, image.words(*slots))
    context = image.words(0, 0, objects, objects, objects, objects)
    function = image.words(0, context, 0, 0)
    data, values, spans = bytearray(), [], []
    for argument in arguments:
        if isinstance(argument, int):
            values.append(argument)
            continue
        data += bytes(-len(data) % 16)
        values.append(image.data_at() + len(data))
        spans.append((len(data), len(argument)))
        data += argument
    data += bytes(-len(data) % 16)
    spans.append((len(data), 4))
    data += bytes(16)
    stack = (image.data_at() + len(data) + 0x10000) & ~15
    start = _put_start(image, function, values, spans[-1][0], len(data), stack)
    return image.close(bytes(data), start, stack + 0x100 - BASE), spans


def _put_start(image: Image, function: int, values: list[int], result: int, size: int, stack: int) -> int:
    """Call the function, store its result, write all data to stdout, end with 0."""
    data = image.data_at()
    arguments = image.words(*(values or [0]))
    image.align()
    literals = image.words(
        stack - 64, function, len(values), arguments, BASE + CODE_AT, data + result, data, size
    )
    start = image.align()
    program = b""

    def load(register: int, literal: int) -> bytes:
        offset = literals + 4 * literal - ((start + len(program) + 3) & ~3)
        return ((offset >> 2 & 0xFFFF) << 8 | register << 4 | 1).to_bytes(3, "little")

    program += load(1, 0)
    program += _movi(0, 0)
    for register, literal in ((10, 1), (11, 2), (13, 3), (8, 4)):
        program += load(register, literal)
    program += _movi(12, 0) + (8 << 8 | 3 << 6 | 2 << 4).to_bytes(3, "little")  # callx8 a8
    program += load(9, 5)
    program += STORE_RESULT + _movi(2, SYS_WRITE) + _movi(6, 1)
    program += load(3, 6)
    program += load(4, 7)
    program += SYSCALL + _movi(2, SYS_EXIT) + _movi(6, 0) + SYSCALL
    return image.put(program)


def run_kernel(mpy: Path, source: Path, name: str, arguments: Sequence[Argument], count: bool = True) -> Run:
    """Call kernel `name` once. `count` = False is faster and leaves instructions and cycles at 0."""
    kernels, table = read_kernels(mpy.read_bytes(), source.read_text())
    code = kernels[name]
    program, spans = build_image(code, table, arguments)
    with tempfile.TemporaryDirectory() as folder:
        executable, log = Path(folder, "kernel"), Path(folder, "log")
        executable.write_bytes(program)
        executable.chmod(0o700)
        trace = ["-singlestep", "-d", "exec,nochain", "-D", str(log)] if count else []
        done = subprocess.run(["qemu-xtensa", "-cpu", "dc233c", *trace, str(executable)], capture_output=True)
        if done.returncode:
            raise RuntimeError(f"{name}: exit {done.returncode} (100 + slot of the runtime table)")
        instructions, cycles = count_log(log.read_text(), code) if count else (0, 0)
    buffers = [done.stdout[at : at + size] for at, size in spans]
    return Run(struct.unpack("<i", buffers.pop())[0], buffers, instructions, cycles)


def count_log(log: str, code: bytes) -> tuple[int, int]:
    """Instructions inside the kernel, and cycles: one each, more for taken branches and use after load."""
    places = [int(place, 16) - BASE - CODE_AT for place in re.findall(r"\[[0-9a-f]+/([0-9a-f]+)/", log)]
    pairs = Counter(zip(places, [*places[1:], -1], strict=True))
    instructions = cycles = 0
    for (place, following), times in pairs.items():
        if not 0 <= place < len(code):
            continue
        instructions += times
        length, loaded, taken = _kind(code, place, following)
        stall = LX_CYCLES_TAKEN if taken else 0
        if loaded is not None and loaded in _sources(code, place + length):
            stall += LX_CYCLES_USE
        cycles += times * (1 + stall)
    return instructions, cycles


def _kind(code: bytes, at: int, following: int) -> tuple[int, int | None, bool]:
    """Length, register that a load or multiplication writes, and whether this was a jump."""
    opcode, target = code[at] & 15, code[at] >> 4
    length = 2 if opcode >= 8 else 3
    loaded = None
    if opcode in (1, 8) or (opcode == 2 and code[at + 1] >> 4 in (0, 1, 2, 9)):
        loaded = target
    elif opcode == 0 and length == 3 and code[at + 2] == 0x82:  # mull
        loaded = code[at + 1] >> 4
    return length, loaded, following != at + length


def _sources(code: bytes, at: int) -> tuple[int, ...]:
    """Registers the instruction at `at` may read (fields s and t)."""
    if at + 1 >= len(code):
        return ()
    return code[at + 1] & 15, code[at] >> 4
