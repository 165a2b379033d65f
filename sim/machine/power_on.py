"""What the simulator starts in place of the ESP32's boot ROM: module `power_on` with key=value ...

fd        inherited socket to `sim.board`
source    12 hex digits: the chip's unique id
cause     reset cause, as `machine.reset_cause` says it
flash     file that holds the flash chip; formatted when it holds no file system
start_ms  uptime at power-on, to bring counters near their limits
seed      of the module `random`; 0 leaves it alone
cut_at    program or erase operation in which power is lost (0: never), counted from power-on
cut_bytes how many bytes of it still reach the chip
boot      the board's boot.py
main      the program to run after it
"""

import random
import sys

import flash
import granted
import machine
import vfs

DATA = "/data"


def _arguments():
    pairs = [argument.split("=", 1) for argument in sys.argv[1:]]
    return {name: value for name, value in pairs}


def _mount(path, cut_at, cut_bytes):
    done = [0]

    def on_write(size):
        done[0] += 1
        return cut_bytes if done[0] == cut_at else size

    device = flash.FlashFile(path, on_write, lambda: granted.clock.end(granted.ENDED_POWER_CUT))
    try:
        system = vfs.VfsLfs2(device, progsize=256, readsize=256, lookahead=32)
    except OSError:
        vfs.VfsLfs2.mkfs(device, progsize=256, readsize=256, lookahead=32)
        system = vfs.VfsLfs2(device, progsize=256, readsize=256, lookahead=32)
    vfs.mount(system, DATA)


def _run(path):
    with open(path) as file:
        exec(compile(file.read(), path, "exec"), {"__name__": "__main__"})


def main():
    settings = _arguments()
    granted.power_on(open(int(settings["fd"]), "r+b"), int(settings["start_ms"]))
    machine.configure(bytes.fromhex(settings["source"]), int(settings["cause"]))
    if settings["seed"] != "0":
        random.seed(int(settings["seed"]))
    _mount(settings["flash"], int(settings["cut_at"]), int(settings["cut_bytes"]))
    _run("/rom/boot.py")
    _run(settings["main"])


main()
