"""Given: public images, in a folder beside the checkout."""

from pathlib import Path

import pytest

PUBLIC_IMAGES = Path(__file__).resolve().parents[3] / "shared" / "data" / "fetal-brain"


@pytest.fixture(scope="session")
def public_images() -> Path:
    if not PUBLIC_IMAGES.is_dir():
        pytest.skip("the public images are not there: ../shared/data/fetal-brain beside the checkout")
    return PUBLIC_IMAGES
