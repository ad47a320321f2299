"""The study of stretched bones and a real wrist: its atlas, its images, its page."""

from pathlib import Path

import numpy as np
import pytest
import torch

from DeepRegistrationLib.evaluation.biplanar_wrist_study import (
    STRETCH,
    picture_name,
    run_biplanar_wrist_study,
    stretched,
)
from DeepRegistrationLib.images.volume import Volume
from Testing.Lib.pictures import FAR, oblique_geometry, positions

WRIST = Path(__file__).resolve().parents[4] / "shared" / "data" / "xray" / "autoscoper-wrist"


def test_a_stretched_bone_has_its_voxels_where_the_stretch_puts_them():
    geometry = oblique_geometry(
        (4, 5, 6), (0.4, 0.5, 0.9), FAR, (0, 0, 180)
    )  # along the axes, as the stretch
    image = Volume(torch.zeros(4, 5, 6), geometry)
    found = stretched(image)
    assert found.values is image.values
    assert np.allclose(positions(found.geometry), positions(geometry) @ STRETCH.T)


@pytest.mark.slow
@pytest.mark.skipif(
    not WRIST.is_dir(), reason="the public radiographs are not there: ../shared/data beside the checkout"
)
def test_a_stretched_radius_finds_the_real_one_in_its_masks(tmp_path):
    page = run_biplanar_wrist_study(WRIST, tmp_path, cases=(("radius", 2),))
    rows = [line for line in page.read_text("utf-8").splitlines() if line.startswith("| radius")]
    assert len(rows) == 2
    masked = [cell.strip() for cell in rows[0].split("|")[1:-1]]
    assert masked[2] == "given"
    assert float(masked[4]) < 0.7 * float(masked[3])
    assert [cell.strip() for cell in rows[1].split("|")][8] == "low"  # nobody marked the bone
    assert (tmp_path / picture_name("radius", 2, True, 1)).stat().st_size > 10_000
