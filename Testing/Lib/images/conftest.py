import numpy as np
import pytest

from Testing.Lib.pictures import FAR, blob, oblique_geometry


@pytest.fixture
def a_far_oblique_image():
    """A blob that is off the centre, on an oblique grid with three spacings, 7 m from the origin."""
    geometry = oblique_geometry((11, 13, 16), (0.7, 1.3, 2.9), FAR)
    image = blob(geometry, FAR + np.array([2.0, -3.0, 4.0]), 5.0)
    return image.with_values(image.values * 1000, name="brain")
