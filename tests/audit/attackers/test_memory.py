from __future__ import annotations

import numpy as np

from facepriv.audit.attackers.memory import Content, Memory


def test_what_was_fitted_is_not_fitted_again_and_what_differs_is():
    memory, fits = Memory(10_000), []

    def find(name, *arrays):
        return memory.find(name, Content(*arrays), lambda: fits.append(name) or len(fits))

    x = np.arange(6.0)
    assert find("a", x) == find("a", x.copy()) == 1
    assert find("b", x) == 2
    assert find("a", x.reshape(2, 3)) == 3
    assert find("a", x.astype(np.float32)) == 4
    assert find("a", x + 1) == 5
    assert find("a", x, x) == 6
    assert find("a", x) == 1


def test_fits_used_last_are_kept_and_large_tables_never():
    memory, fits = Memory(1000), []

    def find(number, size=3):
        return memory.find(number, Content(np.full(size, float(number))), lambda: fits.append(number))

    for number in (*range(41), 0, 41, 0, 1):
        find(number)
    assert fits == [*range(41), 41, 1], "24 bytes each: 41 fit in, and the one not used for longest makes room"
    find(99, size=13)
    find(99, size=13)
    assert fits[-2:] == [99, 99]
