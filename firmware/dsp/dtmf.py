"""Kernel: is this stretch of line a DTMF digit? Reads the sums of the tone bank."""

try:
    import micropython
except ImportError:  # CPython
    from firmware.dsp.portable import micropython, ptr8, ptr16, ptr32

NO_DIGIT = 16
POWERS_KEPT = 16  # hops
FLOOR = POWERS_KEPT  # the word behind the powers


# A full-scale tone has |z|^2 = 2^28 a hop; three hops of all tones together stay below 2^30.
@micropython.viper
def judge_dtmf(
    sums: ptr16, energies: ptr32, limits: ptr8, digits: ptr8, powers: ptr32, tones: int, hop: int, rest: int
) -> int:
    """Judge each of the hops from `hop` to hop + 3, with the two before it (24 ms; a ring of 8).

    Tones 0-3 are the low group, 4-7 the high group, 8 the dial tone (its energy is forgiven). Of either
    group the tone strongest over all three hops counts. It is a digit when:
    - the twist is within 12 dB and the next tone of either group is 6 dB down;
    - each tone stands in all three hops, within 9 dB;
    - the phase step between hops shows a frequency within `limits` (1/256 turns a hop, a byte a tone);
    - both together hold 44 % of the energy, the weaker one above -48 dBm0 (-39 if `rest` is under 16);
    - what is neither of them is at most rest / 32 of the energy, or no more than the line's own noise (2.5
      times the quietest hop of late): a quiet line makes the judge strict, a noisy one does not make it deaf.
    digits: 0..15 (4 * low + high) or 16 of each hop. powers: of the weaker tone over three hops >> 4, a ring
    of 16 hops; behind it the energy of the quietest hop, rising by 1/128 a hop. Returns how many hops may be
    a digit.
    """
    count = 0
    end_hop = hop + 4
    while hop < end_hop:
        digit = 0
        weaker = 0
        both = 0
        good = 1
        group = 0
        while group < 8:
            best = 0
            second = 0
            best_at = group
            tone = group
            while tone < group + 4:
                re = 0
                im = 0
                k = 0
                while k < 3:
                    i = (((hop - k) & 7) * tones + tone) << 1
                    re += (int(sums[i]) ^ 0x8000) - 0x8000
                    im += (int(sums[i + 1]) ^ 0x8000) - 0x8000
                    k += 1
                re = re >> 1
                im = im >> 1
                power = re * re + im * im
                if power > best:
                    second = best
                    best = power
                    best_at = tone
                elif power > second:
                    second = power
                tone += 1
            cross_re = 0
            cross_im = 0
            power = 0
            old_re = 0
            old_im = 0
            least = 0x3FFFFFFF
            most = 0
            k = 3
            while k:
                k -= 1
                i = (((hop - k) & 7) * tones + best_at) << 1
                re = (int(sums[i]) ^ 0x8000) - 0x8000
                im = (int(sums[i + 1]) ^ 0x8000) - 0x8000
                d = re * re + im * im
                if d < least:
                    least = d
                if d > most:
                    most = d
                power += d
                cross_re += re * old_re + im * old_im
                cross_im += im * old_re - re * old_im
                old_re = re
                old_im = im
            best = power
            # second = |sum|^2 / 4, power = |sum|^2 / 3 where the hops agree.
            if second > (power >> 3) + (power >> 4) or least < most >> 3:
                good = 0
            if cross_im < 0:
                cross_im = 0 - cross_im
            # Angle in 1/256 turns, 0..128: octants of 32, within 0.3.
            angle = 0
            size = cross_re
            if size < 0:
                size = 0 - size
            low = cross_im
            if low > size:
                low = size
                size = cross_im
            x = ((low >> 8) << 8) // ((size >> 8) + 1)
            angle = ((x << 5) >> 8) + ((11 * x * (256 - x)) >> 16)
            if low != cross_im:
                angle = 64 - angle
            if cross_re < 0:
                angle = 128 - angle
            if angle > int(limits[best_at]):
                good = 0
                angle = 0
            digit = (digit << 2) | (best_at & 3)
            if group == 0:
                weaker = best
            elif best < weaker:
                if best < weaker >> 4:
                    good = 0
                weaker = best
            elif weaker < best >> 4:
                good = 0
            # The bank's waves are 126 / 128 high; a tone off its frequency loses sinc^2 of the phase step x,
            # and 1 / sinc^2 = 1 + 4 x^2.
            both += best + (best >> 5) + (((best >> 12) * angle * angle) >> 2)
            group += 4
        energy = 0
        last = 0
        old_re = 0
        old_im = 0
        k = 4
        while k:
            k -= 1
            i = (hop - k) & 7
            last = int(energies[i])
            i = (i * tones + 8) << 1
            re = (int(sums[i]) ^ 0x8000) - 0x8000
            im = (int(sums[i + 1]) ^ 0x8000) - 0x8000
            power = re * re + im * im
            # A dial tone off 450 Hz turns by x a hop; 1 / sinc^2 = 1 + x^2 / 12 > 1 + (1 - cos x) / 6.
            d = power - re * old_re - im * old_im
            old_re = re
            old_im = im
            if d > 0:
                power += (d >> 3) + (d >> 5)
            last -= power >> 1
            if last < 0:
                last = 0
            if k < 3:
                energy += last
        floor = int(powers[16])
        floor += (floor >> 7) + 1
        if last < floor:
            floor = last
        powers[16] = floor
        # both = 2 * energy for two pure tones.
        if both < energy - (energy >> 3):
            good = 0
        over = energy - (both >> 1)
        if over >> 3 > floor - (floor >> 4) and over > (energy >> 5) * rest:
            good = 0
        if weaker < 6000 or (rest < 16 and weaker < 48000):
            good = 0
        powers[hop & 15] = weaker >> 4
        if good:
            count += 1
        else:
            digit = 16
        digits[hop & 3] = digit
        hop += 1
    return count
