"""Followed files: read again when they are not as they were read last, and for as long as they cannot be."""

import os
from pathlib import Path

import pytest

from wallet_grpc.followed_files import FollowedFiles


class _Reading:
    """Reads a file, or fails as it is told to."""

    def __init__(self, file: Path) -> None:
        self._file = file
        self.problem: str | None = None
        self.times = 0

    def __call__(self) -> str:
        self.times += 1
        if self.problem is not None:
            raise ValueError(self.problem)
        return self._file.read_text()


def followed(folder: Path) -> tuple[Path, _Reading, FollowedFiles[str]]:
    file = folder / "file"
    file.write_text("first")
    reading = _Reading(file)
    return file, reading, FollowedFiles([file], reading)


def test_a_file_is_read_when_it_changes(tmp_path: Path) -> None:
    file, reading, files = followed(tmp_path)
    assert not files.look()
    file.write_text("second one")
    assert files.look()
    assert files.content == "second one"
    assert not files.look()
    assert reading.times == 2


def test_a_failure_that_passes_without_a_change_is_mended_and_told_once(tmp_path: Path) -> None:
    file, reading, files = followed(tmp_path)
    file.write_text("second one")
    for problem in ("no descriptors", "no rights"):
        reading.problem = problem
        with pytest.raises(ValueError, match=problem):
            files.look()
        assert not files.look(), "it is tried again, and not told again"
        assert files.content == "first"
    reading.problem = None
    assert files.look()
    assert files.content == "second one"


def test_what_is_back_as_it_was_is_nothing_new(tmp_path: Path) -> None:
    _, reading, _ = followed(tmp_path)
    shown, hidden = tmp_path / "shown", tmp_path / "hidden"
    shown.symlink_to(tmp_path / "file")
    files = FollowedFiles([shown], reading)
    for _ in range(2):
        shown.rename(hidden)
        reading.problem = "is away"
        with pytest.raises(ValueError, match="is away"):
            files.look()
        hidden.rename(shown)
        reading.problem = None
        assert not files.look()


def test_a_content_of_the_same_size_and_time_is_another(tmp_path: Path) -> None:
    """As `rsync --inplace --times` leaves it, or `cp -p` onto the file that was there."""
    file, _, files = followed(tmp_path)
    before = file.stat()
    file.write_text("other")
    os.utime(file, ns=(before.st_atime_ns, before.st_mtime_ns))
    assert files.look()
    assert files.content == "other"
