"""Feeds a target of the protocol on MicroPython: the same inputs as the runner's, on the board's runtime.

    MICROPYPATH=. micropython -X heapsize=256k tests/fuzz/board.py cbor CORPUS COUNT SEED

CORPUS: a file of hex lines. Prints `input N` now and then, a sign of life; then one JSON line: outcomes,
CRC-32 over them in order, bytes by which the heap in use grew, microseconds of the slowest input. An input
that raises ends it: `failed N HEX ERROR`.
"""

import gc
import json
import sys
import time
from binascii import crc32, hexlify, unhexlify

from tests.fuzz.mutation import Draw, mutate
from tests.fuzz.wire_targets import TARGETS

SIGN_OF_LIFE = 20_000
WARM_UP = 1000


def main() -> None:
    target, path, count, seed = sys.argv[1:]
    with open(path) as file:  # noqa: PTH123 (MicroPython has no pathlib)
        corpus = [unhexlify(line.strip()) for line in file]
    check, draw, outcomes, digest, used, slowest_us = TARGETS[target], Draw(int(seed)), {}, 0, 0, 0
    for number in range(int(count)):
        data = corpus[number] if number < len(corpus) else mutate(draw, corpus)
        began_us = time.ticks_us()
        try:
            outcome = check(data)
        except Exception as error:  # noqa: BLE001 (whatever it is, it is what was looked for)
            print("failed", number, hexlify(data).decode(), repr(error))
            return
        slowest_us = max(slowest_us, time.ticks_diff(time.ticks_us(), began_us))
        outcomes[outcome] = outcomes.get(outcome, 0) + 1
        digest = crc32(outcome.encode(), digest)
        if number % SIGN_OF_LIFE == 0:
            print("input", number)
        if number == WARM_UP:
            gc.collect()
            used = gc.mem_alloc()
    gc.collect()
    print(json.dumps([outcomes, digest & 0xFFFFFFFF, gc.mem_alloc() - used if used else 0, slowest_us]))


main()
