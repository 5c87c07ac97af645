"""Locks between processes."""

import errno
import fcntl
import os
import subprocess
import sys
import threading
from pathlib import Path

import pytest

from edgecls.folder_lock import locked_folder, try_lock_folder

HOLDING = """
import sys
from pathlib import Path
from edgecls.folder_lock import locked_folder
with locked_folder(Path(sys.argv[1]), timeout_s=60):
    print("locked", flush=True)
    sys.stdin.read()
"""


def test_another_process_has_to_wait_and_one_that_dies_lets_go(tmp_path: Path) -> None:
    command = [sys.executable, "-c", HOLDING, tmp_path]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as holding:
        assert holding.stdout is not None
        assert holding.stdout.readline() == b"locked\n"
        assert try_lock_folder(tmp_path) is None
        with pytest.raises(TimeoutError, match="another process"), locked_folder(tmp_path, timeout_s=0.02):
            pass
        holding.kill()
    lock = try_lock_folder(tmp_path)

    assert lock is not None
    assert try_lock_folder(tmp_path) is None
    os.close(lock)
    assert list(tmp_path.iterdir()) == []


def test_threads_exclude_each_other_too(tmp_path: Path) -> None:
    inside, most = 0, 0

    def work() -> None:
        nonlocal inside, most
        for _ in range(50):
            with locked_folder(tmp_path, timeout_s=60):
                inside += 1
                most = max(most, inside)
                inside -= 1

    threads = [threading.Thread(target=work) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert most == 1


def test_where_folders_cannot_be_locked_a_file_in_them_is(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def as_over_nfs(handle: int, operation: int) -> None:
        raise OSError(errno.EBADF, "Bad file descriptor")

    monkeypatch.setattr(fcntl, "flock", as_over_nfs)
    with locked_folder(tmp_path, timeout_s=60):
        trying = "import fcntl, sys; fcntl.lockf(open(sys.argv[1], 'a'), fcntl.LOCK_EX | fcntl.LOCK_NB)"
        tried = subprocess.run([sys.executable, "-c", trying, tmp_path / ".lock"], capture_output=True, check=False)
    assert b"BlockingIOError" in tried.stderr


def test_a_folder_that_is_not_there_cannot_be_locked(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError), locked_folder(tmp_path / "gone", timeout_s=0):
        pass
    with pytest.raises(FileNotFoundError):
        try_lock_folder(tmp_path / "gone")
