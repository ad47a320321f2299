"""Networks of the biplanar registration: sizes, gradients, order of the views, ablations."""

import dataclasses

import numpy as np
import pytest
import torch

from DeepRegistrationLib.geometry.c_arm import CArm
from DeepRegistrationLib.geometry.detector_rays import rays_of_cameras
from DeepRegistrationLib.geometry.displacement import DisplacementField, from_linear
from DeepRegistrationLib.geometry.volume_geometry import VolumeGeometry
from DeepRegistrationLib.images.resample import resample, warp
from DeepRegistrationLib.networks.biplanar_affine_net import BiplanarAffineNet, similarity_matrix
from DeepRegistrationLib.networks.biplanar_label_net import BiplanarLabelNet
from DeepRegistrationLib.networks.biplanar_local_net import BeamDecoder, BiplanarLocalNet
from DeepRegistrationLib.networks.biplanar_net import BiplanarNet
from DeepRegistrationLib.networks.biplanar_sdm_net import BiplanarSdmNet
from DeepRegistrationLib.networks.biplanar_views import (
    LAPTOP,
    PAPER,
    BiplanarSize,
    BiplanarViews,
    warp_volumes,
)
from Testing.Lib.pictures import FAR, about, blob, oblique_geometry, positions, rotation

TINY = BiplanarSize(
    image_shape_px=(32, 24),
    volume_shape_kji=(16, 12, 20),
    spacing_mm=(6.0, 7.0, 8.0),
    encoder=(4, 6, 8),
    decoder=(8, 6, 4, 4),
    copies=2,
)
ABLATIONS = ({}, {"together": False}, {"skips": False}, {"one_decoder": True}, {"inverse_projection": False})


def the_grid(size=TINY, centre=(0.0, 0.0, 0.0), degrees=(0, 0, 0)):
    return oblique_geometry(size.volume_shape_kji, size.spacing_mm, np.asarray(centre), degrees)


def the_views(size=TINY, geometry=None, angles=(0.0, 90.0), batch=1):
    geometry = geometry or the_grid(size)
    rows, columns = size.image_shape_px
    pixel_mm = (
        1.15 * float(np.abs(geometry.corners_ras() - geometry.centre_ras).max()) * 2 / min(rows, columns)
    )
    cameras = [
        CArm(1000, 925, angle, 0, (pixel_mm, pixel_mm), (columns, rows)).camera(geometry.centre_ras)
        for angle in angles
    ]
    first, second = (rays_of_cameras([camera] * batch) for camera in cameras)
    return BiplanarViews(geometry, (first, second))


def an_atlas(geometry):
    """An oblong, bright to one side: every turn and shift changes both projections."""
    offset = (positions(geometry) - geometry.centre_ras) @ np.linalg.inv(rotation((20, 10, 0))).T
    inside = ((offset / np.array([18.0, 13, 38])) ** 2).sum(-1) < 1
    values = inside * 0.03 * (1 + 0.01 * offset[..., 0] + 0.005 * offset[..., 2])
    return torch.from_numpy(values).float()[None, None]


def radiographs_of(atlas, views, batch=2):
    images = torch.cat(views.project(atlas), 1)
    scale = 1 + 0.2 * torch.arange(batch)[:, None, None, None]
    return images.expand(batch, -1, -1, -1) * scale


@pytest.mark.parametrize("ablation", ABLATIONS, ids=str)
def test_every_part_of_the_network_learns_and_sizes_fit(ablation):
    torch.manual_seed(0)
    network = BiplanarNet(TINY, **ablation)
    views = the_views(batch=2)
    atlas = an_atlas(views.geometry)
    estimate = network(radiographs_of(atlas, views), atlas, views)
    assert estimate.affine.atlas_from_patient.shape == (2, 4, 4)
    assert estimate.velocity.shape == estimate.displacement.shape == (2, 16, 12, 20, 3)
    assert estimate.warped.shape == estimate.after_affine.shape == (2, 1, 16, 12, 20)
    target = torch.roll(atlas, 2, dims=-1)
    ((estimate.warped - target).square().mean() + (estimate.after_affine - target).square().mean()).backward()
    silent = [n for n, p in network.named_parameters() if p.grad is None or not p.grad.abs().sum() > 0]
    assert not silent


def test_a_new_network_leaves_the_atlas_almost_as_it_is():
    torch.manual_seed(0)
    views = the_views(batch=2)
    atlas = an_atlas(views.geometry)
    estimate = BiplanarNet(TINY)(radiographs_of(atlas, views), atlas, views)
    turned = estimate.affine.atlas_from_patient - torch.eye(4)
    assert turned[:, :3, :3].abs().max() < 0.05
    assert estimate.displacement.abs().max() < 0.5
    assert (estimate.warped - atlas).abs().mean() < 0.1 * atlas.mean()


@pytest.mark.parametrize("module", [BiplanarAffineNet, BiplanarLocalNet])
def test_each_encoder_sees_the_projection_and_the_radiograph_of_the_same_view(module):
    views = the_views(batch=1)
    atlas = an_atlas(views.geometry)
    network = module(TINY).eval()
    encoders = (
        (network.encoder.first, network.encoder.second) if module is BiplanarAffineNet else network.encoder
    )
    seen = []
    for encoder in encoders:
        encoder[0].register_forward_pre_hook(lambda _, inputs: seen.append(inputs[0]))
    first, second = views.project(atlas)
    with torch.no_grad():
        network(torch.cat([first, second], 1), atlas, views)
    assert len(seen) == 2
    for pair, image in zip(seen, (first, second), strict=True):
        assert torch.equal(pair[:, :1], pair[:, 1:])
        assert torch.equal(pair[:, :1], image)
    assert not torch.allclose(first, second, atol=0.1)


def test_features_of_each_view_arrive_where_its_camera_sees_them():
    geometry = the_grid(centre=FAR, degrees=(20, -35, 50))
    views = the_views(geometry=geometry, angles=(10.0, 85.0))
    network = BiplanarLabelNet(TINY)
    bright = blob(geometry, geometry.centre_ras + np.array([14.0, -9.0, 18.0]), 7.0).values[None, None]
    smeared = network.smeared(torch.cat(views.project(bright), 1), views)
    # both views agree at the blob only
    product = (smeared[0, 0] * smeared[0, 1]).double().numpy()
    found = np.unravel_index(product.argmax(), product.shape)
    wanted = np.unravel_index(int(bright.argmax()), product.shape)
    assert np.abs(np.subtract(found, wanted)).max() <= 1
    # with the cameras exchanged the rays meet elsewhere
    swapped = BiplanarViews(geometry, views.cameras[::-1])
    wrong = network.smeared(torch.cat(views.project(bright), 1), swapped)
    product = (wrong[0, 0] * wrong[0, 1]).double().numpy()
    assert np.abs(np.subtract(np.unravel_index(product.argmax(), product.shape), wanted)).max() > 1


def test_exchanging_views_with_their_cameras_is_another_question_than_without():
    torch.manual_seed(0)
    views = the_views(angles=(0.0, 70.0))
    atlas = an_atlas(views.geometry)
    network = BiplanarLocalNet(TINY).eval()
    # both branches alike: then the order of the views must not matter, if cameras go with them
    network.encoder[1].load_state_dict(network.encoder[0].state_dict())
    network.decoders[1].load_state_dict(network.decoders[0].state_dict())
    half = TINY.decoder[-1]
    with torch.no_grad():
        network.velocity.weight[:, half:] = network.velocity.weight[:, :half]
        images = torch.cat(views.project(atlas), 1) * torch.tensor([1.0, 1.5])[None, :, None, None]
        usual = network(images, atlas, views)
        both = network(images.flip(1), atlas, BiplanarViews(views.geometry, views.cameras[::-1]))
        images_only = network(images.flip(1), atlas, views)
    scale = usual.abs().max()
    assert (both - usual).abs().max() < 1e-4 * scale
    assert (images_only - usual).abs().max() > 1e-2 * scale


def test_the_seven_numbers_turn_and_grow_about_the_middle_of_the_grid():
    views = the_views(geometry=the_grid(centre=FAR, degrees=(20, -35, 50)))
    numbers = torch.tensor([[1.0, -2.0, 3.0, 1.0, -0.4, 0.2, 2.0]])
    matrix = similarity_matrix(numbers, views)[0].numpy()
    arrived = matrix[:3, :3] @ FAR + matrix[:3, 3]
    np.testing.assert_allclose(arrived - FAR, [5.0, -2.0, 1.0], atol=1e-4)
    np.testing.assert_allclose(np.linalg.det(matrix[:3, :3]), np.exp(0.6), rtol=1e-6)
    np.testing.assert_allclose(similarity_matrix(torch.zeros(1, 7), views)[0].numpy(), np.eye(4), atol=1e-9)


def test_warping_is_the_same_as_that_of_images():
    geometry = the_grid(centre=FAR, degrees=(20, -35, 50))
    volume = blob(geometry, FAR, 20.0)
    linear = about(rotation((6, -9, 12)) * 1.06, FAR, FAR + np.array([4.0, -3.0, 5.0]))
    field = from_linear(about(np.diag([1.1, 0.95, 1.0]), FAR, FAR + np.array([3.0, 0.0, -2.0])), geometry)
    whole = from_linear(
        linear @ about(np.diag([1.1, 0.95, 1.0]), FAR, FAR + np.array([3.0, 0.0, -2.0])), geometry
    )
    matrix = torch.from_numpy(linear)[None]
    inner = (slice(3, -3),) * 3
    plain = warp_volumes(volume.values[None, None], geometry, matrix)[0, 0]
    torch.testing.assert_close(
        plain[inner], resample(volume, geometry, linear).values[inner], atol=1e-4, rtol=1e-4
    )
    bent = warp_volumes(volume.values[None, None], geometry, matrix, field.vectors[None])[0, 0]
    wanted = warp(volume, DisplacementField(whole.vectors, geometry)).values
    torch.testing.assert_close(bent[inner], wanted[inner], atol=1e-3, rtol=1e-3)


def test_the_decoder_reaches_the_size_of_the_beam_at_the_papers_size():
    with torch.device("meta"):
        decoder = BeamDecoder(PAPER.encoder, PAPER.decoder, PAPER.copies)
        rows, columns = PAPER.image_shape_px
        levels = [
            torch.empty(1, count, rows // 2 ** (level + 1), columns // 2 ** (level + 1))
            for level, count in enumerate(PAPER.encoder)
        ]
        out = decoder(levels)
    assert out.shape == (1, 16, 128, 224, 160)
    assert PAPER.planes == 128


@pytest.mark.parametrize(("size", "millions"), [(PAPER, 7.0), (LAPTOP, 0.4)], ids=["paper", "laptop"])
def test_both_sizes_can_be_built(size, millions):
    with torch.device("meta"):
        network = BiplanarNet(size)
    count = sum(parameter.numel() for parameter in network.parameters()) / 1e6
    assert 0.5 * millions < count < 2 * millions


def test_the_laptop_size_runs_whole():
    torch.manual_seed(0)
    views = the_views(LAPTOP)
    atlas = an_atlas(views.geometry)
    with torch.no_grad():
        estimate = BiplanarNet(LAPTOP).eval()(radiographs_of(atlas, views, 1), atlas, views)
    assert estimate.warped.shape == (1, 1, *LAPTOP.volume_shape_kji)
    assert torch.isfinite(estimate.warped).all()


def test_the_deformation_model_moves_by_its_modes():
    torch.manual_seed(0)
    views = the_views(batch=2)
    atlas = an_atlas(views.geometry)
    network = BiplanarSdmNet(TINY, modes=2, control_shape_kji=(4, 3, 5))
    modes = torch.zeros(2, 3, 4, 3, 5)
    modes[0, 0], modes[1, 2] = 3.0, -2.0
    mean = torch.zeros(3, 4, 3, 5)
    mean[1] = 1.0
    network.set_model(mean, modes)
    torch.nn.init.normal_(network.numbers.weight, std=0.02)
    estimate = network(radiographs_of(atlas, views), atlas, views)
    a, b = estimate.coefficients[0].tolist()
    # the atlas moves, also where the similarity map has turned the patient
    linear = estimate.affine.atlas_from_patient[0, :3, :3]
    wanted = torch.linalg.solve(linear, torch.tensor([3 * a, 1.0, -2 * b]).double()).float()
    torch.testing.assert_close(estimate.displacement[0], wanted.expand(16, 12, 20, 3), atol=1e-5, rtol=1e-4)
    (estimate.warped - torch.roll(atlas, 2, dims=-1)).square().mean().backward()
    assert all(p.grad is not None and p.grad.abs().sum() > 0 for p in network.parameters())
    with pytest.raises(ValueError, match="expected"):
        network.set_model(mean, modes[:1])


def test_the_label_network_answers_for_every_voxel_and_learns():
    size = dataclasses.replace(TINY, volume_shape_kji=(16, 8, 16))
    views = the_views(size, batch=2)
    network = BiplanarLabelNet(size, channels=(4, 8, 8))
    logits = network(radiographs_of(an_atlas(views.geometry), views), views)
    assert logits.shape == (2, 1, 16, 8, 16)
    logits.square().mean().backward()
    assert all(p.grad is not None for p in network.parameters())


def test_sizes_that_do_not_fit_are_refused():
    with pytest.raises(ValueError, match="cannot be halved 3 times"):
        dataclasses.replace(TINY, image_shape_px=(30, 24))
    with pytest.raises(ValueError, match="one step more"):
        dataclasses.replace(TINY, decoder=(8, 6, 4))
    assert isinstance(the_grid(), VolumeGeometry)
