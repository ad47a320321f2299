import dataclasses
import io

import numpy as np
import pytest
from matplotlib.ticker import MaxNLocator
from PIL import Image

from DeepRegistrationLib.errors import Cancelled
from DeepRegistrationLib.report.convergence import convergence_pictures
from DeepRegistrationLib.report.curves import _ticks
from DeepRegistrationLib.report.pictures import pictures_of


@pytest.fixture(scope="module")
def the_pictures(a_registration):
    return {picture.name: picture for picture in pictures_of(a_registration)}


def pixels_of(picture):
    with Image.open(io.BytesIO(picture.png)) as image:
        return np.asarray(image).astype(float)


def test_there_are_four_pictures_with_a_caption_each(the_pictures):
    assert list(the_pictures) == ["before-after", "checkerboard", "labels", "convergence"]
    for picture in the_pictures.values():
        assert picture.caption.endswith(".")
        assert 900 < pixels_of(picture).shape[1] < 1200


def test_after_registration_the_subject_looks_like_the_atlas_and_before_it_does_not(the_pictures):
    pixels = pixels_of(the_pictures["before-after"])[34:-10, 40:, 0]
    height = (pixels.shape[0] + 10) // 3
    atlas, before, after = (pixels[row * height : (row + 1) * height - 10] for row in range(3))
    assert np.corrcoef(atlas.ravel(), after.ravel())[0, 1] > 0.97
    assert np.corrcoef(atlas.ravel(), before.ravel())[0, 1] < 0.9


def test_the_checkerboard_tells_the_two_images_apart_by_colour(the_pictures):
    pixels = pixels_of(the_pictures["checkerboard"])
    bright = pixels[pixels[..., 0] > 100]
    warm = bright[:, 2] < 0.8 * bright[:, 0]
    assert 0.3 < warm.mean() < 0.7


def test_without_labels_and_history_their_pictures_are_left_out(a_registration):
    bare = dataclasses.replace(a_registration, segmentation=None, segments=(), history={})
    assert [picture.name for picture in pictures_of(bare)] == ["before-after", "checkerboard"]


def test_curves_that_are_flat_or_not_numbers_do_not_stop_the_report(a_registration):
    odd = dataclasses.replace(
        a_registration, history={"flat": [0.5, 0.5], "lost": [0.5, float("nan")], "one": [0.5]}
    )
    assert pictures_of(odd)[-1].name == "convergence"
    lost = dataclasses.replace(a_registration, history={"lost": [float("nan")] * 5})
    assert pictures_of(lost)[-1].name == "labels"


@pytest.mark.parametrize(
    ("low", "high", "texts"),
    [(0.84, 0.96, ["0.850", "0.875", "0.900", "0.925", "0.950"]), (1, 12, ["2", "4", "6", "8", "10", "12"])],
)
def test_the_numbers_at_the_axis_are_round_and_right(low, high, texts):
    ticks = _ticks(MaxNLocator(5 if low < 1 else 6, integer=low == 1), low, high)
    assert [text for _, text in ticks] == texts
    assert all(float(text) == pytest.approx(value) for value, text in ticks)


def test_drawing_can_be_stopped_between_two_pictures(a_registration):
    def stop():
        raise Cancelled("while drawing")

    with pytest.raises(Cancelled):
        pictures_of(a_registration, stop)


def test_two_drawings_are_the_same_file(a_registration, the_pictures):
    for again in pictures_of(a_registration):
        assert again.png == the_pictures[again.name].png


def test_a_curve_says_whether_it_should_rise_or_fall():
    history = {"pose": [3.0, 2.0]}
    (cost,) = convergence_pictures(history, "radiographs and projected atlas", is_cost=True)
    assert cost.caption.startswith("Cost of the fit of radiographs and projected atlas; lower is better")
    (similarity,) = convergence_pictures(history, "subject and atlas")
    assert "higher is better" in similarity.caption
