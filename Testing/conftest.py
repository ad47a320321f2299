"""Settings for every test, here and in the processes that tests start."""

import os

import pytest

# with two busy threads on two cores small operations take up to a hundred times longer; torch reads it once
os.environ.setdefault("OMP_NUM_THREADS", "1")


@pytest.fixture
def a_full_disk(tmp_path):
    from Testing.full_disk import full_disk

    with full_disk(tmp_path / "disk") as folder:
        yield folder
