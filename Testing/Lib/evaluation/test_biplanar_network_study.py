"""The study of the biplanar networks: which network a file holds, what it answers, tables and figures."""

import csv
import dataclasses
import json

import numpy as np
import pytest
import torch
from safetensors.torch import save_file

from DeepRegistrationLib.data.femur_folder import find_pairs, write_pair
from DeepRegistrationLib.data.femur_population import SyntheticFemur
from DeepRegistrationLib.errors import Cancelled, InputError
from DeepRegistrationLib.evaluation.biplanar_best_similarity import best_similarity
from DeepRegistrationLib.evaluation.biplanar_cases import make_biplanar_case
from DeepRegistrationLib.evaluation.biplanar_measures import bone_figures
from DeepRegistrationLib.evaluation.biplanar_network_answers import NetworkVariant, ask, read_trained
from DeepRegistrationLib.evaluation.biplanar_network_report import (
    ERROR_FIGURE,
    MAP_FIGURE,
    write_biplanar_network_report,
)
from DeepRegistrationLib.evaluation.biplanar_network_study import (
    BiplanarNetworkSettings,
    known_turns,
    run_biplanar_network_study,
    turn_between_deg,
)
from DeepRegistrationLib.evaluation.biplanar_network_trials import BiplanarNetworkTrial
from DeepRegistrationLib.evaluation.biplanar_trials import BiplanarSetup
from DeepRegistrationLib.geometry.volume_geometry import VolumeGeometry
from DeepRegistrationLib.images.resample import resample
from DeepRegistrationLib.images.volume import Volume
from DeepRegistrationLib.networks.biplanar_affine_net import BiplanarAffineNet
from DeepRegistrationLib.networks.biplanar_label_net import BiplanarLabelNet
from DeepRegistrationLib.networks.biplanar_net import BiplanarNet
from DeepRegistrationLib.networks.biplanar_sdm_net import BiplanarSdmNet
from DeepRegistrationLib.networks.biplanar_views import BiplanarSize
from DeepRegistrationLib.workflows.biplanar_network_input import network_input
from Testing.Lib.pictures import about, positions, rotation

CPU = torch.device("cpu")
TINY = BiplanarSize((32, 24), (20, 12, 20), (6.4, 7.0, 9.6), (4, 6), (6, 4, 4), copies=2)
SIZE = dataclasses.asdict(TINY)
NETWORKS = {
    NetworkVariant.AFFINE: (BiplanarAffineNet, {"together": True}),
    NetworkVariant.BOTH: (BiplanarNet, {}),
    NetworkVariant.NOT_TOGETHER: (BiplanarNet, {"together": False}),
    NetworkVariant.NO_SKIPS: (BiplanarNet, {"skips": False}),
    NetworkVariant.ONE_DECODER: (BiplanarNet, {"one_decoder": True}),
    NetworkVariant.NO_INVERSE_PROJECTION: (BiplanarNet, {"inverse_projection": False}),
    NetworkVariant.SDM: (BiplanarSdmNet, {"modes": 7, "control_shape_kji": (4, 3, 4)}),
    NetworkVariant.LABELS: (BiplanarLabelNet, {"channels": (4, 8)}),
}
SWITCHES = {
    "together": True,
    "skips": True,
    "one_decoder": False,
    "inverse_projection": True,
    "squarings": 6,
}


@pytest.fixture(scope="module")
def a_bone():
    """An oblong of bone in soft tissue, not along any axis."""
    geometry = VolumeGeometry((48, 32, 48), np.diag([2.7, 2.7, 4.0, 1.0]))
    geometry.ras_from_ijk[:3, 3] = -geometry.ras_from_ijk[:3, :3] @ ((np.array([48, 32, 48]) - 1) / 2)
    offset = positions(geometry) @ rotation((8, -12, 5))
    inside = ((offset / np.array([26.0, 14, 62])) ** 2).sum(-1) < 1
    ct = Volume(torch.from_numpy(np.where(inside, 900.0, 40.0)).float(), geometry)
    return ct, ct.with_values(torch.from_numpy(inside.astype(np.uint8)))


@pytest.fixture(scope="module")
def folder(a_bone, tmp_path_factory):
    """A patient who is the atlas, turned."""
    folder = tmp_path_factory.mktemp("patients")
    ct, labels = a_bone
    write_pair(SyntheticFemur(ct, labels, {}), "atlas", folder)
    patient_from_atlas = about(rotation((6, 0, -9)), np.zeros(3), np.zeros(3))
    back = np.linalg.inv(patient_from_atlas)
    turned = resample(ct, ct.geometry, back, outside=40.0)
    marked = resample(labels, ct.geometry, back, labels=True)
    write_pair(SyntheticFemur(turned, marked, {}), "patient", folder)
    return folder


@pytest.fixture(scope="module")
def weights(tmp_path_factory):
    """Files as trainings write them, of networks that are not trained."""
    folder = tmp_path_factory.mktemp("weights")
    found = {}
    for number, (variant, (kind, settings)) in enumerate(NETWORKS.items()):
        torch.manual_seed(number)
        if kind is BiplanarNet:
            settings = {**SWITCHES, **settings}
        settings = {"size": SIZE, **settings}
        found[variant] = folder / f"{number}.safetensors"
        save_file(kind(**settings).state_dict(), found[variant], {"settings": json.dumps(settings)})
    return found


def a_case(folder, setup=BiplanarSetup.ORTHOGONAL):
    return make_biplanar_case(find_pairs(folder)[0], setup, 0)


@pytest.mark.parametrize("variant", list(NETWORKS))
def test_a_file_tells_which_network_it_holds_and_is_asked(variant, weights, folder, a_bone):
    trained = read_trained("mine", weights[variant], CPU)
    assert trained.variant is variant
    assert trained.size == TINY
    case = a_case(folder)
    question = network_input(*a_bone, case.radiographs, case.shadows, TINY, CPU)
    answer = ask(trained, question, a_bone, case.labels.geometry)
    assert answer.bone.shape == case.labels.values.shape
    if variant is NetworkVariant.LABELS:
        assert answer.affine_bone is None
        return
    # a network that is not trained leaves the atlas where it is
    atlas = a_bone[1].values != 0
    assert bone_figures(answer.bone, dataclasses.replace(case, labels=a_bone[1]))["dice"] > 0.9
    assert float((answer.affine_bone ^ atlas).float().mean()) < 0.02
    assert answer.folded == 0
    assert turn_between_deg(answer.atlas_from_patient, np.eye(4)) < 2.0


def test_the_affine_part_moves_the_atlas_to_the_patient(weights, folder, a_bone):
    trained = read_trained("mine", weights[NetworkVariant.AFFINE], CPU)
    case = a_case(folder)
    best = best_similarity(a_bone, (case.ct, case.labels))

    class Knowing(BiplanarAffineNet):
        def forward(self, radiographs, atlas, views):
            estimate = super().forward(radiographs, atlas, views)
            return dataclasses.replace(estimate, atlas_from_patient=torch.from_numpy(best)[None])

    trained = dataclasses.replace(trained, network=Knowing(TINY).eval())
    question = network_input(*a_bone, case.radiographs, case.shadows, TINY, CPU)
    answer = ask(trained, question, a_bone, case.labels.geometry)
    assert bone_figures(answer.bone, case)["dice"] > 0.93
    assert answer.image.values[answer.bone].mean() > 600


def test_the_best_similarity_is_the_turn_of_a_patient_who_is_the_atlas(folder, a_bone):
    case = a_case(folder)
    found = best_similarity(a_bone, (case.ct, case.labels))
    known = about(rotation((6, 0, -9)), np.zeros(3), np.zeros(3))
    assert turn_between_deg(found, np.linalg.inv(known)) < 1.5
    assert abs(np.cbrt(np.linalg.det(found[:3, :3])) - 1) < 0.02
    assert np.abs(found[:3, 3]).max() < 1.0


def test_turns_are_read_from_the_table_of_a_population(tmp_path):
    assert known_turns(tmp_path) == {}
    names = ["name", "flexion_deg", "abduction_deg", "rotation_deg"]
    with (tmp_path / "population.csv").open("w", newline="") as stream:
        csv.writer(stream).writerows([names, ["atlas", "", "", ""], ["one", "5", "-3", "8"]])
    found = known_turns(tmp_path)
    assert list(found) == ["one"]
    assert turn_between_deg(found["one"], np.eye(3)) == pytest.approx(9.9, abs=0.4)
    assert turn_between_deg(2.0 * found["one"], found["one"]) == pytest.approx(0, abs=1e-5)


def test_a_study_asks_each_network_once_and_can_be_stopped(weights, folder, tmp_path):
    chosen = {str(v): weights[v] for v in (NetworkVariant.AFFINE, NetworkVariant.LABELS)}
    settings = BiplanarNetworkSettings(setups=(BiplanarSetup.ORTHOGONAL,))
    with pytest.raises(Cancelled):
        run_biplanar_network_study(
            (folder,), chosen, tmp_path, settings, folder, report=lambda progress: False
        )
    page = run_biplanar_network_study((folder,), chosen, tmp_path, settings, folder)
    table = page.with_name("biplanar_network_trials.csv").read_text("utf-8")
    assert len(table.splitlines()) == 3
    assert "| affine module alone |" in page.read_text("utf-8")
    again = []
    run_biplanar_network_study(
        (folder,), chosen, tmp_path, settings, folder, report=lambda p: again.append(p) or True
    )
    assert not again
    wrong = dataclasses.replace(settings, setups=(BiplanarSetup.NO_MASKS,))
    with pytest.raises(InputError, match="not measured on 'no-masks'"):
        run_biplanar_network_study((folder,), chosen, tmp_path, wrong, folder)


def test_other_weights_are_refused(tmp_path):
    path = tmp_path / "other.safetensors"
    save_file({"a": torch.zeros(2)}, path)
    with pytest.raises(InputError, match=r"cannot be used.*biplanar network"):
        read_trained("other", path, CPU)
    save_file({"a": torch.zeros(2)}, path, {"settings": json.dumps({"size": SIZE, "together": True})})
    with pytest.raises(InputError, match="none of the biplanar networks"):
        read_trained("other", path, CPU)


def a_trial(variant, number, dice, setup=BiplanarSetup.ORTHOGONAL, **changes):
    numbers = {
        field.name: 0 if field.type in ("int", int) else 0.5
        for field in dataclasses.fields(BiplanarNetworkTrial)
        if field.type in ("int", "float", int, float)
    }
    words = {"case": f"case {number}", "group": "patients", "setup": str(setup), "method": str(variant)}
    return BiplanarNetworkTrial(**{**numbers, **words, "variant": str(variant), "dice": dice, **changes})


def test_ablations_are_tested_against_both_modules_on_the_same_patients(tmp_path):
    both, without = NetworkVariant.BOTH, NetworkVariant.NO_SKIPS
    trials = [
        *(a_trial(both, n, 0.93 + 0.001 * n) for n in range(5)),
        *(a_trial(without, n, 0.91 + 0.0011 * n) for n in range(4)),
        *(a_trial(both, n, 0.95 - 0.01 * n, BiplanarSetup.DRAWN_ERROR, second_deg=90 - n) for n in range(9)),
        *(a_trial(both, n, 0.9, BiplanarSetup.ANY_ANGLES, first_deg=3.0 * n) for n in range(5)),
        a_trial(NetworkVariant.LABELS, 0, 0.96, rotation_deg=float("nan"), ssim=float("nan")),
    ]
    text = write_biplanar_network_report(trials, [], tmp_path).read_text("utf-8")
    assert "| no skip connections | 4 | 0.912 | 0.500 | -0.020 | " in text
    assert "| patients | both modules | 5 | 0.932 | 0.932 |" in text
    assert "| patients | label map regressed | 1 | 0.960 | 0.960 | 0.500 | 0.50 | 0.50 | 0.50 | - |" in text
    for name in (ERROR_FIGURE, MAP_FIGURE):
        assert f"]({name})" in text
        assert (tmp_path / name).stat().st_size > 5000
