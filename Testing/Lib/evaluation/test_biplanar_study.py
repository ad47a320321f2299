"""The study of an atlas bent to two radiographs: its cases, its pages and its figures."""

import dataclasses

import numpy as np
import pytest
import torch

from DeepRegistrationLib.data.femur_folder import find_pairs, write_pair
from DeepRegistrationLib.data.femur_population import SyntheticFemur
from DeepRegistrationLib.evaluation.biplanar_cases import LARGEST_ERROR_DEG, WRONG_DEG, make_biplanar_case
from DeepRegistrationLib.evaluation.biplanar_figures import ERROR_FIGURE, MAP_FIGURE, error_deg
from DeepRegistrationLib.evaluation.biplanar_report import write_biplanar_report
from DeepRegistrationLib.evaluation.biplanar_study import BiplanarStudySettings, run_biplanar_study
from DeepRegistrationLib.evaluation.biplanar_trials import BiplanarSetup, BiplanarStudyMethod, BiplanarTrial
from DeepRegistrationLib.geometry.volume_geometry import VolumeGeometry
from DeepRegistrationLib.images.volume import Volume
from DeepRegistrationLib.progress import keep_going

RNG = np.random.default_rng(3)


def a_trial(setup, number, dice, **changes):
    numbers = {
        field.name: 0 if field.type in ("int", int) else 0.5
        for field in dataclasses.fields(BiplanarTrial)
        if field.type in ("int", "float", int, float)
    }
    words = {"case": f"case {number}", "group": "patients", "setup": str(setup), "method": "optimize"}
    return BiplanarTrial(**{**numbers, **words, "trust": "high", "dice": dice, "seed": 0, **changes})


@pytest.fixture(scope="module")
def a_pair(tmp_path_factory):
    """A bone of 30 mm, right of the middle, that ends within the CT."""
    folder = tmp_path_factory.mktemp("patients")
    geometry = VolumeGeometry((20, 16, 24), np.diag([4.0, 4.0, 6.0, 1.0]))
    geometry.ras_from_ijk[:3, 3] = -geometry.ras_from_ijk[:3, :3] @ ((np.array([24, 16, 20]) - 1) / 2)
    labels = torch.zeros(20, 16, 24, dtype=torch.uint8)
    labels[6:15, 5:11, 14:20] = 1
    ct = Volume(torch.where(labels > 0, 900.0, 40.0), geometry)
    write_pair(SyntheticFemur(ct, ct.with_values(labels), {}), "patient", folder)
    return find_pairs(folder)[0]


def test_a_drawn_error_is_between_nothing_and_ten_degrees_and_the_same_corrected_or_not(a_pair):
    for seed in range(5):
        cases = [
            make_biplanar_case(a_pair, setup, seed)
            for setup in (BiplanarSetup.DRAWN_ERROR, BiplanarSetup.DRAWN_ERROR_CORRECTED)
        ]
        assert cases[0].angles_deg == cases[1].angles_deg
        assert 0 < abs(cases[0].angles_deg[1] - 90) < LARGEST_ERROR_DEG
    fixed = make_biplanar_case(a_pair, BiplanarSetup.WRONG_ANGLE, 0)
    assert abs(fixed.angles_deg[1] - 90) == pytest.approx(WRONG_DEG)


def test_what_the_method_is_told_is_wrong_by_the_error(a_pair):
    case = make_biplanar_case(a_pair, BiplanarSetup.WRONG_ANGLE, 0)
    right = make_biplanar_case(a_pair, BiplanarSetup.ORTHOGONAL, 0)
    for told, known in zip(case.radiographs, right.radiographs, strict=True):
        assert np.allclose(told.camera.camera_from_world, known.camera.camera_from_world)
    assert float((case.radiographs[0].values - right.radiographs[0].values).abs().max()) < 0.3
    assert float((case.radiographs[1].values - right.radiographs[1].values).abs().max()) > 0.5


def test_the_bone_of_the_other_side_is_the_mirror_image(a_pair):
    right = make_biplanar_case(a_pair, BiplanarSetup.ORTHOGONAL, 0)
    left = make_biplanar_case(a_pair, BiplanarSetup.OTHER_SIDE, 0)
    places = [torch.nonzero(case.labels.values)[:, 2].double().mean() for case in (right, left)]
    assert places[0] + places[1] == 23
    columns = [torch.nonzero(case.shadows[0])[:, 1].double().mean() for case in (right, left)]
    assert abs(float(columns[0] + columns[1]) - (right.shadows[0].shape[1] - 1)) < 1.0


def test_pages_and_figures_tell_angles_and_what_is_trusted(tmp_path):
    trials = [
        *(a_trial(BiplanarSetup.ORTHOGONAL, n, 0.93) for n in range(3)),
        *(a_trial(BiplanarSetup.DRAWN_ERROR, n, 0.95 - 0.01 * n, second_deg=90 - n) for n in range(10)),
        *(a_trial(BiplanarSetup.ANY_ANGLES, n, 0.9, first_deg=3.0 * n, second_deg=90.0) for n in range(5)),
        a_trial(BiplanarSetup.NO_MASKS, 0, 0.8, trust="low"),
    ]
    assert [error_deg(trial) for trial in trials[3:6]] == [0, 1, 2]
    text = write_biplanar_report(trials, tmp_path).read_text("utf-8")
    assert "## Second view off by 0 to 10 degrees, not corrected" in text
    assert "| patients | optimize | 3 | 0.930 |" in text
    assert "| low | 1 | 0 |" in text
    for name in (ERROR_FIGURE, MAP_FIGURE):
        assert f"]({name})" in text
        assert (tmp_path / name).stat().st_size > 5000


def test_a_study_does_each_trial_once(a_pair, tmp_path):
    settings = BiplanarStudySettings(
        setups=(BiplanarSetup.ORTHOGONAL,), methods=(BiplanarStudyMethod.AFFINE,), cases=1
    )
    folder = a_pair.ct.parent
    ct, labels = a_pair.read()
    atlas = tmp_path / "atlas"
    atlas.mkdir()
    write_pair(SyntheticFemur(ct, labels, {}), "atlas", atlas)
    page = run_biplanar_study((folder,), tmp_path / "out", settings, atlas)
    table = page.with_name("biplanar_trials.csv").read_text("utf-8")
    assert len(table.splitlines()) == 2
    assert "affine" in page.read_text("utf-8")
    seen = []

    def watch(progress):
        seen.append(progress)
        return keep_going(progress)

    run_biplanar_study((folder,), tmp_path / "out", settings, atlas, watch)
    assert not seen
    assert page.with_name("biplanar_trials.csv").read_text("utf-8") == table
