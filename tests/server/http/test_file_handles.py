"""The limit of open files, in a process of its own."""

import subprocess
import sys

import pytest

from edgecls.server.http.server import raise_handle_limit

resource = pytest.importorskip("resource", reason="this system has no such limit")


@pytest.mark.parametrize(("soft", "hard", "wanted", "got"), [(50, 90, 70, 70), (50, 60, 70, 60), (80, 90, 70, 80)])
def test_the_limit_is_raised_as_far_as_the_system_lets_it(soft: int, hard: int, wanted: int, got: int) -> None:
    code = (
        "import resource\n"
        "from edgecls.server.http.server import raise_handle_limit\n"
        f"resource.setrlimit(resource.RLIMIT_NOFILE, ({soft}, {hard}))\n"
        f"assert raise_handle_limit({wanted}) == min({wanted}, {got})\n"
        f"assert resource.getrlimit(resource.RLIMIT_NOFILE) == ({got}, {hard})\n"
    )
    subprocess.run([sys.executable, "-c", code], check=True)


def test_a_limit_that_suffices_is_left_alone() -> None:
    before = resource.getrlimit(resource.RLIMIT_NOFILE)

    assert raise_handle_limit(10) == 10
    assert resource.getrlimit(resource.RLIMIT_NOFILE) == before
