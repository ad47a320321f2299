"""The network as a method: when it is asked, and that its answer arrives unchanged in the result."""

import json
import shutil
from dataclasses import replace

import numpy as np
import pytest
import torch

from DeepRegistrationLib.data.biplanar_atlas import prepare_atlas
from DeepRegistrationLib.data.biplanar_shape_model import control_grid
from DeepRegistrationLib.errors import InputError
from DeepRegistrationLib.geometry.grid import sample
from DeepRegistrationLib.geometry.rotations import matrix_from_rotation_vector
from DeepRegistrationLib.geometry.spline_grid import spline_matrices
from DeepRegistrationLib.geometry.velocity_field import flow
from DeepRegistrationLib.images.radiograph import Radiograph
from DeepRegistrationLib.jobs.biplanar import BiplanarMethod, BiplanarSettings
from DeepRegistrationLib.jobs.device import Device
from DeepRegistrationLib.models.catalog import (
    CATALOG_FILE,
    SCHEMA_FILE,
    SCHEMA_VERSION,
    Network,
    models_folder,
)
from DeepRegistrationLib.models.export import add_model
from DeepRegistrationLib.networks.biplanar_net import BiplanarNet
from DeepRegistrationLib.optimize.deformation_model import Spread, free_model
from DeepRegistrationLib.workflows.biplanar import register
from DeepRegistrationLib.workflows.biplanar_network import (
    BIPLANAR_NET,
    NetworkMap,
    NetworkUnsuitedError,
    as_numbers,
    ask_network,
    carried,
    suited_order,
)
from Testing.Lib.biplanar_case import a_biplanar_case
from Testing.Lib.pictures import FAR, about, oblique_geometry, positions, rotation

CPU = torch.device("cpu")
SIZE = {
    "image_shape_px": [32, 24],
    "volume_shape_kji": [20, 20, 20],
    "spacing_mm": [10.0, 10.0, 10.0],
    "encoder": [4, 6],
    "decoder": [6, 4, 4],
    "copies": 2,
}
FACTS = {
    "summary": "Bends.",
    "input_grid": {"size": 20, "half_edge_mm": 95},
    "anatomy": "phantom",
    "modality": "X-ray",
    "licence": "CC0",
    "training_command": "none",
    "training_data": "none",
    "training_samples": [],
    "split": {"train": "none", "validation": "none", "test": "none"},
    "figures": {},
    "limits": ["It is not trained."],
    "settings": {"size": SIZE, "view_deg": 10.0},
}


@pytest.fixture
def nothing_installed(tmp_path, monkeypatch):
    """A catalogue without models."""
    shutil.copy(models_folder() / SCHEMA_FILE, tmp_path)
    empty = {"$schema": SCHEMA_FILE, "schema_version": SCHEMA_VERSION, "models": []}
    (tmp_path / CATALOG_FILE).write_text(json.dumps(empty))
    monkeypatch.setenv("DEEPREGISTRATION_MODELS", str(tmp_path))
    return tmp_path


@pytest.fixture
def installed(nothing_installed):
    """A network that is not trained, in a catalogue of its own."""
    torch.manual_seed(0)
    state = BiplanarNet(**FACTS["settings"]).state_dict()
    add_model(BIPLANAR_NET, Network.BIPLANAR_NET, state, FACTS, folder=nothing_installed)


@pytest.fixture(scope="module")
def a_case():
    return a_biplanar_case((5.0, 95.0), 64)


def known(case, **changes):
    return replace(case.inputs(), atlas_of_networks=True, **changes)


def test_a_velocity_behind_a_map_does_what_it_did_before_it():
    grid = oblique_geometry((24, 20, 22), (3.0, 4.0, 3.5), FAR, degrees_xyz=(15, -20, 30))
    pose = about(1.05 * rotation((8, -12, 10)), FAR, FAR + np.array([3.0, -2, 4]))
    offset = torch.from_numpy(positions(grid) - FAR)
    bell = torch.exp(-(offset**2).sum(-1, keepdim=True) / (2 * 14.0**2))
    velocity = (bell * torch.tensor([5.0, -3, 4]))[None].float()
    behind = carried(velocity, grid, torch.from_numpy(pose)[None])
    ras = torch.from_numpy(positions(grid))[None]
    first = flow(velocity, grid) + ras
    through = first @ torch.from_numpy(pose[:3, :3].T.copy()) + torch.from_numpy(pose[:3, 3])
    at = ras @ torch.from_numpy(pose[:3, :3].T.copy()) + torch.from_numpy(pose[:3, 3])
    moved = flow(behind, grid)
    ijk = (at - torch.from_numpy(grid.ras_from_ijk[:3, 3])) @ torch.from_numpy(
        np.linalg.inv(grid.ras_from_ijk[:3, :3]).T.copy()
    )
    found = at + sample(moved.movedim(-1, 1), ijk.float(), padding="border").movedim(1, -1)
    inner = (slice(None), *(slice(5, -5),) * 3)
    assert (through - at)[inner].norm(dim=-1).max() > 3.0
    assert (found - through)[inner].norm(dim=-1).max() < 0.3  # linear between voxels of 3 to 4 mm


def an_answer(atlas):
    """A similarity map and a velocity."""
    grid = atlas.grid(5.0, border=4)
    turn = matrix_from_rotation_vector(torch.tensor([0.1, -0.15, 0.2], dtype=torch.float64)).numpy()
    pose = about(1.07 * turn, atlas.centre_ras, atlas.centre_ras + np.array([4.0, -3, 2]))
    return NetworkMap(pose, velocity_of_answer(atlas, grid), grid, None)


def velocity_of_answer(atlas, grid):
    """(K, J, I, 3); that of `an_answer` on a grid."""
    offset = torch.from_numpy(positions(grid) - atlas.centre_ras).float()
    return torch.exp(-(offset**2).sum(-1, keepdim=True) / 800) * torch.tensor([4.0, 1, -3])


def test_the_answer_becomes_the_numbers_of_a_fit(a_case):
    """A similarity map and a velocity come out of them as they went in."""
    atlas = prepare_atlas(a_case.ct, a_case.labels)
    answer = an_answer(atlas)
    pose = answer.atlas_from_start
    start = about(rotation((5, 6, -7)), np.zeros(3), np.array([20.0, -30, 10]))
    plain = free_model(control_grid(atlas))
    modes = torch.zeros(1, *plain.mean.shape)
    modes[..., 2] = 2.0
    for model in (None, replace(plain, mean=plain.mean + 1.5, modes=modes)):
        bent, numbers = as_numbers(answer, atlas, model, start, Spread())
        np.testing.assert_allclose(
            bent.atlas_from_world(numbers).numpy(), pose @ np.linalg.inv(start), atol=1e-5
        )
        found = bent.velocity(numbers, spline_matrices(bent.model.control, atlas.grid(5.0)))
        assert (found - velocity_of_answer(atlas, atlas.grid(5.0))).abs().max() < 0.1
        assert numbers.pose[:3].norm() == pytest.approx(np.linalg.norm([0.1, 0.15, 0.2]) / np.radians(10))
    rigid = answer.world_from_atlas(start, atlas.centre_ras)
    np.testing.assert_allclose(rigid[:3, :3] @ rigid[:3, :3].T, np.eye(3), atol=1e-9)
    middle = start @ np.linalg.inv(pose) @ np.append(atlas.centre_ras, 1)
    np.testing.assert_allclose(rigid @ np.append(atlas.centre_ras, 1), middle, atol=1e-9)


def test_views_are_given_in_the_order_of_the_training_or_refused(a_case):
    inputs = known(a_case)
    assert suited_order(inputs, 0.0) == (0, 1)
    exchanged = replace(inputs, radiographs=inputs.radiographs[::-1], shadows=inputs.shadows[::-1])
    assert suited_order(exchanged, 0.0) == (1, 0)
    with pytest.raises(NetworkUnsuitedError, match="another atlas was given"):
        suited_order(a_case.inputs(), 0.0)
    with pytest.raises(NetworkUnsuitedError, match="mask of the bone on both"):
        suited_order(replace(inputs, shadows=(None, inputs.shadows[1])), 0.0)
    three = a_biplanar_case((0.0, 45.0, 90.0), 32)
    with pytest.raises(NetworkUnsuitedError, match="two radiographs, and 3 were given"):
        suited_order(known(three), 0.0)
    turned = a_biplanar_case((25.0, 95.0), 32)
    with pytest.raises(NetworkUnsuitedError, match=r"up to 12 degrees off.*25 \(tilted by 0\) degrees"):
        suited_order(known(turned), 0.0)
    assert suited_order(known(turned), 30.0) == (0, 1)


def test_the_pose_of_the_start_turns_with_the_cameras(a_case):
    start = about(rotation((0, 0, 40)), np.zeros(3), np.array([30.0, 0, 0]))
    moved = tuple(
        Radiograph(r.values, r.camera.moved(start), r.mask, r.name) for r in a_case.inputs().radiographs
    )
    inputs = known(a_case, radiographs=moved, start=start)
    assert suited_order(inputs, 0.0) == (0, 1)


def test_the_method_network_gives_its_answer_and_names_its_weights(a_case, installed):
    inputs = known(a_case)
    result = register(inputs, BiplanarSettings(method=BiplanarMethod.NETWORK, device=Device.CPU))
    answer = ask_network(inputs, CPU)
    np.testing.assert_allclose(result.world_from_atlas, np.linalg.inv(answer.atlas_from_start), atol=1e-4)
    assert [stamp.name for stamp in result.models] == [BIPLANAR_NET]
    assert result.jacobian.folded == 0
    assert len(result.views) == 2
    assert 0 <= result.confidence.value <= 1
    # a network that is not trained is not believed: nothing lies where the radiographs show it
    assert result.views[0].distance_mm > 1.5


def test_auto_begins_with_the_network_and_says_why_it_does_not(a_case, installed):
    settings = BiplanarSettings(method=BiplanarMethod.AUTO, device=Device.CPU, shape_freedom=0.0)
    asked = register(known(a_case), settings)
    assert [stamp.name for stamp in asked.models] == [BIPLANAR_NET]
    alone = register(a_case.inputs(), settings)
    assert alone.models == ()
    assert any("was not asked, because it was trained to bend the femur" in text for text in alone.warnings)
    assert max(view.distance_mm for view in asked.views) < 1.5


def test_the_method_network_refuses_what_it_was_not_trained_for(a_case, installed):
    settings = BiplanarSettings(method=BiplanarMethod.NETWORK, device=Device.CPU)
    with pytest.raises(InputError, match=r"cannot be asked about these images.*Choose auto or optimize"):
        register(a_case.inputs(), settings)


def test_the_network_is_asked_for_only_where_it_is_installed(a_case, nothing_installed):
    with pytest.raises(InputError, match="weights are not installed"):
        register(known(a_case), BiplanarSettings(method=BiplanarMethod.NETWORK, device=Device.CPU))
