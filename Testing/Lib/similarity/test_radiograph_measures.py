"""Measures of radiographs: what they are indifferent to, and that their slopes are the slopes."""

import pytest
import torch

from DeepRegistrationLib.similarity.gradient_correlation import gradient_correlation
from DeepRegistrationLib.similarity.gradient_orientation import GradientOrientation
from DeepRegistrationLib.similarity.radiograph_correlation import radiograph_correlation
from DeepRegistrationLib.similarity.radiograph_local_correlation import RadiographLocalCorrelation
from DeepRegistrationLib.similarity.radiograph_mutual_information import RadiographMutualInformation

MEASURES = {
    "correlation": radiograph_correlation,
    "correlation less background": lambda fixed, mask: radiograph_correlation(fixed, mask, 6.0),
    "local correlation": RadiographLocalCorrelation,
    "gradient correlation": gradient_correlation,
    "gradient orientation": GradientOrientation,
    "mutual information": RadiographMutualInformation,
}
# the spread (local correlation), the brightest percent (mutual information) and the height from which an edge
# counts (orientation) are held in the slope
TOLERANCE = {"local correlation": 0.15, "mutual information": 0.15, "gradient orientation": 0.05}


@pytest.fixture(params=MEASURES, ids=str)
def measure(request):
    return request.param, MEASURES[request.param]


@pytest.fixture
def blobs():
    """A picture of soft blobs as a function of where they are: two shifts and a magnification."""
    generator = torch.Generator().manual_seed(0)
    centres = torch.rand(12, 2, generator=generator, dtype=torch.float64) * 40
    heights = torch.rand(12, generator=generator, dtype=torch.float64) + 0.2
    rows, columns = torch.meshgrid(*[torch.arange(40, dtype=torch.float64)] * 2, indexing="ij")

    def picture(pose):
        at = (centres - 20) * (1 + pose[2]) + 20 + pose[:2]
        squared = (rows[..., None] - at[:, 0]).square() + (columns[..., None] - at[:, 1]).square()
        return (heights * torch.exp(-squared / 18)).sum(-1)

    return picture


@pytest.fixture
def a_mask():
    mask = torch.ones(40, 40, dtype=torch.bool)
    mask[:, 30:] = False
    return mask


def images_and_tangents(picture, pose):
    steps = torch.eye(3, dtype=torch.float64) * 1e-6
    tangents = torch.stack([(picture(pose + d) - picture(pose - d)) / 2e-6 for d in steps])
    return picture(pose)[None], tangents[None]


AWAY = torch.tensor([1.2, -0.8, 0.04], dtype=torch.float64)
THERE = torch.zeros(3, dtype=torch.float64)


def test_an_image_fits_itself_best(measure, blobs, a_mask):
    compare = measure[1](blobs(THERE), a_mask)
    same, moved = compare.similarity(torch.stack([blobs(THERE), blobs(AWAY)]))
    assert same > moved
    if measure[0] != "mutual information":
        assert same == pytest.approx(1, abs=1e-6)


def test_brightness_and_contrast_of_the_projected_image_do_not_matter(measure, blobs, a_mask):
    compare = measure[1](blobs(THERE), a_mask)
    image = blobs(AWAY)
    plain, other = compare.similarity(torch.stack([image, 37 + 250 * image]))
    assert other == pytest.approx(float(plain), abs=1e-6)


def test_brightness_and_contrast_of_the_radiograph_do_not_matter(measure, blobs, a_mask):
    image = blobs(AWAY)[None]
    plain = measure[1](blobs(THERE), a_mask).similarity(image)
    other = measure[1](5 + 0.01 * blobs(THERE), a_mask).similarity(image)
    assert float(other) == pytest.approx(float(plain), abs=1e-6)


def test_what_lies_outside_of_the_mask_does_not_matter(measure, blobs, a_mask):
    fixed, image = blobs(THERE), blobs(AWAY)
    spoiled = torch.where(a_mask, fixed, 1000.0)
    wrong = torch.where(a_mask, image, -77.0)
    plain = measure[1](fixed, a_mask).similarity(image[None])
    assert float(measure[1](spoiled, a_mask).similarity(wrong[None])) == pytest.approx(float(plain), abs=1e-9)


def test_an_inverted_image_does_not_fit(measure, blobs, a_mask):
    if measure[0] in ("local correlation", "mutual information"):
        pytest.skip("this measure does not mind the sign")
    compare = measure[1](blobs(THERE), a_mask)
    assert float(compare.similarity(-blobs(THERE)[None])) <= 0.05


def test_the_gradient_is_that_of_the_similarity(measure, blobs, a_mask):
    compare = measure[1](blobs(THERE), a_mask)
    fit = compare.fit(*images_and_tangents(blobs, AWAY))
    step = 1e-4
    numerical = torch.stack(
        [
            (compare.similarity(blobs(AWAY + d)[None]) - compare.similarity(blobs(AWAY - d)[None]))[0]
            / (2 * step)
            for d in torch.eye(3, dtype=torch.float64) * step
        ]
    )
    difference = (2 * fit.gradient[0] - numerical).norm() / numerical.norm()
    assert difference < TOLERANCE.get(measure[0], 1e-5)


def test_the_curvature_at_the_best_pose_is_that_of_the_similarity(measure, blobs, a_mask):
    if measure[0] == "mutual information":
        pytest.skip("no similarity is smooth where the joint histogram is a line")
    compare = measure[1](blobs(THERE), a_mask)
    hessian = compare.fit(*images_and_tangents(blobs, THERE)).hessian[0]
    for direction in torch.eye(3, dtype=torch.float64) * torch.tensor([0.02, 0.02, 0.001]).double():
        lost = 1 - compare.similarity(blobs(direction)[None])[0]
        # the windows of the local correlation stand for their overlapping neighbours: within a factor of 2
        assert 0.5 < float(direction @ hessian @ direction / lost) < 2


def test_newton_steps_lead_to_the_best_pose(measure, blobs, a_mask):
    compare = measure[1](blobs(THERE), a_mask)
    pose, damping, best = AWAY / 2, 1e-2, None
    for _ in range(40):
        fit = compare.fit(*images_and_tangents(blobs, pose))
        best = fit.similarity[0]
        diagonal = torch.diag(torch.diagonal(fit.hessian[0]) + 1e-9)
        trial = pose + torch.linalg.solve(fit.hessian[0] + damping * diagonal, fit.gradient[0])
        if compare.similarity(blobs(trial)[None])[0] > best:
            pose, damping = trial, damping / 5
        else:
            damping *= 5
    assert pose.abs().max() < 0.02


def test_an_image_without_contrast_gives_numbers(measure, blobs, a_mask):
    flat = torch.zeros(1, 40, 40, dtype=torch.float64)
    tangents = torch.zeros(1, 3, 40, 40, dtype=torch.float64)
    for fixed in (blobs(THERE), torch.zeros(40, 40, dtype=torch.float64)):
        fit = measure[1](fixed, a_mask).fit(flat, tangents)
        assert all(torch.isfinite(part).all() for part in (fit.similarity, fit.gradient, fit.hessian))
    assert float(measure[1](blobs(THERE), a_mask).similarity(flat)) <= 0.2
