"""Kernel: which few doubtful bits, changed, make an eight-bit sum come out right?"""

try:
    import micropython
except ImportError:  # CPython
    from firmware.dsp.portable import micropython, ptr8, ptr16, ptr32

MAX_CHANGES = 30  # bits of a path
UNREACHED = 0x7FFF


@micropython.viper
def cheapest_paths(
    r: int,
    a: int,
    to: int,
    best: ptr16,
    second: ptr16,
    paths: ptr32,
    costs: ptr16,
    deltas: ptr8,
    groups: ptr8,
    changes: int,
):
    """Cheapest and second cheapest way to change a sum by each residue modulo 256.

    Change i costs costs[i] and adds deltas[i]; changes of one group (neighbours in the list) exclude each
    other. best[r], second[r]: costs, 0x7FFF where there is no way; paths[r]: the set of changes of the best
    way, one bit each. The arrays are 512 long: the upper half is work space. r, a, to: 0 (they claim the
    registers).
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
                if a < int(second[to]):
                    if a < int(best[to]):
                        second[to] = best[to]
                        best[to] = a
                        paths[to] = int(paths[256 + r]) | (1 << i)
                    else:
                        second[to] = a
                    a = int(second[256 + r]) + cost
                    if a < int(second[to]):
                        second[to] = a
                r += 1
            i += 1


@micropython.viper
def list_changes(
    i: int,
    cost: int,
    difference: int,
    data: ptr8,
    kinds: ptr8,
    strengths: ptr8,
    n: int,
    counts: ptr16,
    costs: ptr16,
    deltas: ptr8,
    groups: ptr8,
    places: ptr8,
) -> int:
    """List the 30 cheapest changes of bytes 2..n - 1 of a message, in the order of the bytes.

    A byte of kind 1..10 is a digit below that number: it may become each of the others, which is one group.
    Of any other byte each bit may change, a group each. strengths: cost of each bit (0..127), lowest first.
    costs, deltas, groups: as `cheapest_paths` reads them. places: the byte of each change. Of changes that
    cost the same the first ones are listed. counts: 512 words of work space. i, cost, difference: 0.
    Returns how many changes were listed.
    """
    i = 0
    while i < 512:
        counts[i] = 0
        i += 1
    limit = 0
    spare = 30
    listed = 0
    group = 0
    last = 0
    sweep = 0
    while sweep < 2:
        at = 2
        while at < n:
            byte = int(data[at])
            kind = int(kinds[at])
            choices = 8
            if kind > 10:
                kind = 0
            elif kind:
                choices = kind - 1
            choice = 0
            while choice < choices:
                difference = 1 << choice
                delta = difference
                key = (at << 3) + choice
                if kind:
                    delta = choice + 1
                    if byte - 0x30 + delta >= kind:
                        delta -= kind
                    difference = (byte + delta) ^ byte
                    key = at << 3
                elif byte & difference:
                    delta = 0 - delta
                cost = 0
                i = at << 3
                while difference:
                    if difference & 1:
                        cost += int(strengths[i])
                    difference = difference >> 1
                    i += 1
                if sweep == 0:
                    counts[cost] = int(counts[cost]) + 1
                elif cost < limit or (cost == limit and spare > 0):
                    if cost == limit:
                        spare -= 1
                    if key != last:
                        group += 1
                    last = key
                    costs[listed] = cost
                    deltas[listed] = delta & 0xFF
                    groups[listed] = group
                    places[listed] = at
                    listed += 1
                choice += 1
            at += 1
        # Every cost below `limit` fits, and of those that cost as much `spare`.
        while sweep == 0 and limit < 512 and int(counts[limit]) <= spare:
            spare -= int(counts[limit])
            limit += 1
        sweep += 1
    return listed
