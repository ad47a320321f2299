"""Volume of the brain against age, there and back."""

import numpy as np
import pytest

from DeepRegistrationLib.atlases.brain_growth import age_of_brain_volume_weeks, brain_volume_ml


@pytest.mark.parametrize("age", [20, 24.5, 31, 36.9, 44])
def test_age_follows_from_volume(age):
    assert age_of_brain_volume_weeks(brain_volume_ml(age)) == pytest.approx(age, abs=0.05)


def test_brains_only_grow():
    volumes = [brain_volume_ml(age) for age in np.arange(20, 44, 0.5)]
    assert np.all(np.diff(volumes) > 0)


def test_it_agrees_with_the_atlas_it_was_made_from():
    # volumes of the masks of weeks 25 and 34, read off the images
    assert brain_volume_ml(25) == pytest.approx(178, rel=0.06)
    assert brain_volume_ml(34) == pytest.approx(393, rel=0.06)


def test_impossible_volumes_give_the_nearest_age():
    assert age_of_brain_volume_weeks(5) == 20
    assert age_of_brain_volume_weeks(1400) == 44
