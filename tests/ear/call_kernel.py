"""Runs on MicroPython: calls one kernel. argv: root, module, function; stdin: its arguments as JSON.

An argument is an integer or [typecode, hex of its memory]; out comes [result, hex of each buffer].
"""

import json
import sys
from array import array

sys.path.insert(0, sys.argv[1])


def build(argument: object) -> object:
    if isinstance(argument, int):
        return argument
    typecode, text = argument
    memory = bytes.fromhex(text)
    return bytearray(memory) if typecode == "B" else array(typecode, memory)


kernel = getattr(__import__("firmware." + sys.argv[2], None, None, ["kernel"]), sys.argv[3])
arguments = [build(argument) for argument in json.load(sys.stdin)]
result = kernel(*arguments)
print(json.dumps([result, [bytes(a).hex() for a in arguments if not isinstance(a, int)]]))
