"""What CPython lacks to run the viper kernels of this package: `micropython.viper` and the pointer types.

On MicroPython the compiler knows `@micropython.viper` and `ptr8/ptr16/ptr32` by name and this module is
never imported. On CPython a kernel module falls back to the names below. The decorated function then sees
what viper sees: every argument annotated as a pointer is an unsigned view of the same memory, so `p[i]` is
never negative and a store outside the range raises instead of truncating. The kernels keep five rules, by
which all runtimes give the same bits (tests/ear/test_kernels.py):

1. A signed 16-bit value is read as `(p[i] ^ 0x8000) - 0x8000`.
2. Nothing negative is ever loaded through ptr32 (unix viper zero-extends it, the board sign-extends it).
3. No intermediate leaves +-(2^31 - 1): the board wraps there, unix viper and CPython do not.
4. Every store is masked to the pointer's width.
5. Hot values are leading arguments (viper gives registers to three locals, arguments first).
"""

__all__ = ["micropython", "ptr8", "ptr16", "ptr32"]

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any as ptr8
    from typing import Any as ptr16
    from typing import Any as ptr32
else:

    class ptr8:
        """Marks an argument as a pointer to unsigned bytes."""

        code = "B"

    class ptr16:
        """Marks an argument as a pointer to unsigned 16-bit values, in the machine's byte order."""

        code = "H"

    class ptr32:
        """Marks an argument as a pointer to unsigned 32-bit values, in the machine's byte order."""

        code = "I"


def _viper(function):
    kinds = [getattr(kind, "code", None) for kind in function.__annotations__.values()]

    def call(*args):
        views = [
            arg if code is None else memoryview(arg).cast("B").cast(code)
            for arg, code in zip(args, kinds, strict=False)
        ]
        return function(*views)

    call.__name__ = function.__name__
    call.__doc__ = function.__doc__
    return call


class micropython:
    """Stands for the module of that name."""

    viper = staticmethod(_viper)


def const(value):
    """Stands for the compiler's `const`: on the board a private constant then takes no memory."""
    return value
