"""Damaged COFW files through data_prep.cofw: each face read or named, or the file refused in one line."""

import numpy as np
import pytest
from fuzz import fuzz_binary
from test_cofw import face, write_mat

from data_prep import cofw
from data_prep.report import Report


def _files(folder):
    """Files in the official layout, of two to four faces; small, so that damage falls on HDF5's own structures."""
    for seed in range(4):
        write_mat(folder / f"{seed}.mat", "test", [face(10 * seed + i, 1 + seed) for i in range(2 + seed)],
                  **({"storage": ()} if seed % 2 else {}))
        yield (folder / f"{seed}.mat").read_bytes()


def _check(answers):
    report = Report("COFW", "here", "")
    faces = cofw.faces_of(answers, "here/a.mat", "test", "provided", None, report)
    assert len(faces) + len(report.left_out) == len(answers) - 1 == len(answers[0]["phis"])
    for one in faces:
        assert one.points.shape == (29, 2) and np.isfinite(one.points).all() and set(one.visible) <= {0, 1}
        assert np.isfinite(one.box).all() and one.box[0] < one.box[2] and one.box[1] < one.box[3]
    for answer in answers[1:]:
        picture = answer.get("picture")
        assert "wrong" in answer or picture.dtype == np.uint8 and picture.ndim in (2, 3) and picture.shape[2:] in ((), (3,))


def _fuzz(count, folder):
    return fuzz_binary("data_prep.cofw:read_mat", list(_files(folder)), count, _check, folder, split="test")


def test_damaged_files_are_read_or_refused(tmp_path):
    seen = _fuzz(60, tmp_path)
    assert sum(seen.values()) == 60 and min(seen["parsed"], seen["refused"]) > 5


@pytest.mark.slow
@pytest.mark.timeout(1800)
def test_2000_damaged_files_are_read_or_refused(tmp_path):
    seen = _fuzz(2000, tmp_path)
    assert sum(seen.values()) == 2000 and min(seen["parsed"], seen["refused"]) > 100
