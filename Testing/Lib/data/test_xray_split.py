"""Nothing that is tuned on is reported."""

from pathlib import Path

import pytest

from DeepRegistrationLib.data.xray_split import XRAY_CTS, XraySplit, cts_of

FOLDER = Path(__file__).resolve().parents[4] / "shared" / "data" / "ct-bone"


def test_no_ct_is_both_tuned_on_and_reported():
    tuned = {ct.ct for ct in cts_of(XraySplit.TUNING)}
    reported = {ct.ct for ct in cts_of(XraySplit.REPORT)}
    assert len(tuned) == 4
    assert len(reported) == 6
    assert not tuned & reported


def test_names_are_unique():
    assert len({ct.name for ct in XRAY_CTS}) == len(XRAY_CTS)


@pytest.mark.skipif(
    not FOLDER.is_dir(), reason="the public CTs are not there: ../shared/data beside the checkout"
)
def test_every_file_of_the_split_is_in_the_folder():
    for ct in XRAY_CTS:
        for path in ct.paths(FOLDER):
            assert path is None or path.is_file()
