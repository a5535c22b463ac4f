"""`facepriv serve` as a user meets it."""

from __future__ import annotations

import pytest

pytestmark = pytest.mark.xdist_group("cli")


@pytest.mark.slow
def test_serving_a_network_in_the_open_is_refused(empty):
    # In a process of its own: the server takes the place of the command.
    process = empty.start("serve", "--address", "0.0.0.0")
    _, err = process.communicate(timeout=60)
    assert process.returncode == 1
    assert "keep to a loopback address such as 127.0.0.1" in err
    assert "Traceback" not in err
    assert not empty.home.exists()
