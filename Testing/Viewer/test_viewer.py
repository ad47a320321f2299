"""Results in a real web browser: every job, before and after, overlay, labels, the report."""

import time
import urllib.request
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from DeepRegistrationLib.jobs.job import JobKind
from Testing.Viewer.browser import WAIT_S, Browser, opened

VIEWS_LEFT = 320
"""The views begin right of the column with the words [pixels]."""
# kind -> slice views that show something of their own
SLICE_VIEWS = {
    JobKind.FETAL_VOLUME: 3,
    JobKind.FETAL_SLICE: 2,
    JobKind.XRAY_CT: 2,
    JobKind.BIPLANAR: 3,
    JobKind.US_ANGLES: 2,
}


def shown(browser: Browser, path: Path) -> np.ndarray:
    """What the views show; (rows, columns, 3) of 0 to 255."""
    return np.asarray(Image.open(browser.picture(path)).convert("RGB")).astype(int)[:, VIEWS_LEFT:]


def settled(browser: Browser, path: Path, unlike: np.ndarray | None = None) -> np.ndarray:
    """The same once it is complete, and no longer what it was."""
    deadline, before = time.monotonic() + WAIT_S, shown(browser, path)
    while True:
        time.sleep(2.0)
        now = shown(browser, path)
        is_new = unlike is None or share_of_change(now, unlike) > 0.0002
        if is_new and share_of_change(now, before) == 0 and grey(now) > 0.01:
            return now
        assert time.monotonic() < deadline, "the views show nothing new"
        before = now


def share_of_change(first: np.ndarray, second: np.ndarray) -> float:
    return float((np.abs(first - second).max(axis=2) > 16).mean())


def grey(picture: np.ndarray) -> float:
    """Share of pixels that are neither black nor coloured nor the ground of a view in 3D."""
    return float(((np.ptp(picture, axis=2) == 0) & (picture.max(axis=2) > 64)).mean())


def coloured(picture: np.ndarray) -> float:
    return float((np.ptp(picture, axis=2) > 40).mean())


@pytest.mark.parametrize("kind", JobKind)
def test_a_result_is_seen_before_and_after(kind, a_result, serve, tmp_path):
    with serve(a_result(kind)) as address, opened(address) as browser:
        browser.wait_for_text("Confidence high")
        after = settled(browser, tmp_path / "after.png")
        assert browser.value("document.querySelectorAll('.slice-slider-gutter').length") == SLICE_VIEWS[kind]
        browser.click("BEFORE")
        before = settled(browser, tmp_path / "before.png", unlike=after)
        browser.click("AFTER")
        assert share_of_change(settled(browser, tmp_path / "again.png", unlike=before), after) < 0.002
        with urllib.request.urlopen(f"{address}/result/report.html") as report:
            assert b"<html" in report.read()


def test_labels_and_overlay_are_switched(a_result, serve, tmp_path):
    with serve(a_result(JobKind.FETAL_VOLUME)) as address, opened(address) as browser:
        browser.wait_for_text("Labels")
        with_labels = settled(browser, tmp_path / "labels.png")
        browser.click("Labels")
        without = settled(browser, tmp_path / "none.png", unlike=with_labels)
        assert coloured(with_labels) > 0.005 > coloured(without)
        browser.click("BEFORE")
        mixed = settled(browser, tmp_path / "mixed.png", unlike=without)
        browser.value("window.trame.state.set('overlay', 1)")
        over = settled(browser, tmp_path / "over.png", unlike=mixed)
        # what lies over the image stands where the image is after the registration
        assert share_of_change(over, without) < share_of_change(mixed, without)
