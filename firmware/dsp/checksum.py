"""Kernel: which few doubtful bits, changed, make an eight-bit sum come out right?"""

try:
    import micropython
except ImportError:  # CPython
    from firmware.dsp.portable import micropython, ptr8, ptr16, ptr32

MAX_CHANGES = 30  # bits of a path
UNREACHED = 0x7FFF


@micropython.viper
def cheapest_paths(
    best: ptr16, second: ptr16, paths: ptr32, costs: ptr16, deltas: ptr8, groups: ptr8, changes: int
):
    """Cheapest and second cheapest way to change a sum by each residue modulo 256.

    Change i costs costs[i] and adds deltas[i]; changes of one group (neighbours in the list) exclude each
    other. best[r], second[r]: costs, 0x7FFF where there is no way; paths[r]: the set of changes of the best
    way, one bit each. The arrays are 512 long: the upper half is work space.
    """
    r = 0
    while r < 256:
        best[r] = 0x7FFF
        second[r] = 0x7FFF
        paths[r] = 0
        r += 1
    best[0] = 0
    i = 0
    while i < changes:
        r = 0
        while r < 256:
            best[256 + r] = best[r]
            second[256 + r] = second[r]
            paths[256 + r] = paths[r]
            r += 1
        group = int(groups[i])
        while i < changes and int(groups[i]) == group:
            cost = int(costs[i])
            delta = int(deltas[i])
            r = 0
            while r < 256:
                to = (r + delta) & 0xFF
                a = int(best[256 + r]) + cost
                if a < int(best[to]):
                    second[to] = best[to]
                    best[to] = a
                    paths[to] = int(paths[256 + r]) | (1 << i)
                elif a < int(second[to]):
                    second[to] = a
                a = int(second[256 + r]) + cost
                if a < int(second[to]):
                    second[to] = a
                r += 1
            i += 1
