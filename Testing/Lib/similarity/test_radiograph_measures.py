"""Measures of radiographs: what they are indifferent to, and that their slopes are the slopes."""

import pytest
import torch

from DeepRegistrationLib.similarity.gradient_correlation import gradient_correlation
from DeepRegistrationLib.similarity.gradient_orientation import gradient_orientation
from DeepRegistrationLib.similarity.radiograph_correlation import radiograph_correlation
from DeepRegistrationLib.similarity.radiograph_local_correlation import radiograph_local_correlation
from DeepRegistrationLib.similarity.radiograph_mutual_information import radiograph_mutual_information

MEASURES = {
    "correlation": radiograph_correlation,
    "correlation less background": lambda fixed, mask: radiograph_correlation(fixed, mask, 6.0),
    "local correlation": radiograph_local_correlation,
    "gradient correlation": gradient_correlation,
    "gradient orientation": gradient_orientation,
    "mutual information": radiograph_mutual_information,
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
    return picture(pose)[None, None], tangents[None, None]


AWAY = torch.tensor([1.2, -0.8, 0.04], dtype=torch.float64)
THERE = torch.zeros(3, dtype=torch.float64)


def test_an_image_fits_itself_best(measure, blobs, a_mask):
    compare = measure[1](blobs(THERE), a_mask)
    same, moved = compare.similarity(torch.stack([blobs(THERE), blobs(AWAY)])[:, None])
    assert same > moved
    if measure[0] != "mutual information":
        assert same == pytest.approx(1, abs=1e-6)


def test_brightness_and_contrast_of_the_projected_image_do_not_matter(measure, blobs, a_mask):
    compare = measure[1](blobs(THERE), a_mask)
    image = blobs(AWAY)
    plain, other = compare.similarity(torch.stack([image, 37 + 250 * image])[:, None])
    assert other == pytest.approx(float(plain), abs=1e-6)


def test_brightness_and_contrast_of_the_radiograph_do_not_matter(measure, blobs, a_mask):
    image = blobs(AWAY)[None, None]
    plain = measure[1](blobs(THERE), a_mask).similarity(image)
    other = measure[1](5 + 0.01 * blobs(THERE), a_mask).similarity(image)
    assert float(other) == pytest.approx(float(plain), abs=1e-6)


def test_what_lies_outside_of_the_mask_does_not_matter(measure, blobs, a_mask):
    fixed, image = blobs(THERE), blobs(AWAY)
    spoiled = torch.where(a_mask, fixed, 1000.0)
    wrong = torch.where(a_mask, image, -77.0)
    plain = measure[1](fixed, a_mask).similarity(image[None, None])
    assert float(measure[1](spoiled, a_mask).similarity(wrong[None, None])) == pytest.approx(
        float(plain), abs=1e-9
    )


def test_an_inverted_image_does_not_fit(measure, blobs, a_mask):
    if measure[0] in ("local correlation", "mutual information"):
        pytest.skip("this measure does not mind the sign")
    compare = measure[1](blobs(THERE), a_mask)
    assert float(compare.similarity(-blobs(THERE)[None, None])) <= 0.05


def test_the_gradient_is_that_of_the_similarity(measure, blobs, a_mask):
    compare = measure[1](blobs(THERE), a_mask)
    fit = compare.fit(*images_and_tangents(blobs, AWAY))
    steps = torch.eye(3, dtype=torch.float64) * 1e-4
    ahead, behind = (torch.stack([blobs(AWAY + sign * d) for d in steps])[:, None] for sign in (1, -1))
    numerical = (compare.similarity(ahead) - compare.similarity(behind)) / 2e-4
    difference = (2 * fit.gradient[0] - numerical).norm() / numerical.norm()
    assert difference < TOLERANCE.get(measure[0], 1e-5)


def test_the_curvature_at_the_best_pose_is_that_of_the_similarity(measure, blobs, a_mask):
    if measure[0] == "mutual information":
        pytest.skip("no similarity is smooth where the joint histogram is a line")
    compare = measure[1](blobs(THERE), a_mask)
    hessian = compare.fit(*images_and_tangents(blobs, THERE)).hessian[0]
    for direction in torch.eye(3, dtype=torch.float64) * torch.tensor([0.02, 0.02, 0.001]).double():
        lost = 1 - compare.similarity(blobs(direction)[None, None])[0]
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
        if compare.similarity(blobs(trial)[None, None])[0] > best:
            pose, damping = trial, damping / 5
        else:
            damping *= 5
    assert pose.abs().max() < 0.02


def test_an_image_without_contrast_gives_numbers(measure, blobs, a_mask):
    flat = torch.zeros(1, 1, 40, 40, dtype=torch.float64)
    tangents = torch.zeros(1, 1, 3, 40, 40, dtype=torch.float64)
    for fixed in (blobs(THERE), torch.zeros(40, 40, dtype=torch.float64)):
        fit = measure[1](fixed, a_mask).fit(flat, tangents)
        assert all(torch.isfinite(part).all() for part in (fit.similarity, fit.gradient, fit.hessian))
    assert float(measure[1](blobs(THERE), a_mask).similarity(flat)) <= 0.2


def two_components(picture, pose):
    """The picture and a smooth cloud that moves along with it."""
    rows, columns = torch.meshgrid(*[torch.arange(40, dtype=torch.float64)] * 2, indexing="ij")

    def cloud(at):
        return torch.exp(-((rows - 15 - at[0]).square() + (columns - 18 - at[1]).square()) / 200)

    parts = [images_and_tangents(p, pose) for p in (picture, cloud)]
    return torch.cat([p[0] for p in parts], 1), torch.cat([p[1] for p in parts], 1)


def test_components_are_weighted_as_the_radiograph_shows_them(measure, blobs, a_mask):
    images, _ = two_components(blobs, THERE)
    fixed = 0.3 * images[0, 0] + 4 * images[0, 1] + 7
    compare = measure[1](fixed, a_mask)
    right, alone = compare.similarity(images), compare.similarity(images[:, :1])
    assert right > alone
    if measure[0] != "mutual information":
        assert right == pytest.approx(1, abs=1e-3)


def test_the_gradient_with_two_components_is_that_of_the_similarity(measure, blobs, a_mask):
    images, _ = two_components(blobs, THERE)
    compare = measure[1](images[0].sum(0), a_mask)
    gradient = 2 * compare.fit(*two_components(blobs, AWAY)).gradient[0]
    step = torch.eye(3, dtype=torch.float64) * 1e-4

    def similarity(pose):
        return compare.similarity(two_components(blobs, pose)[0])[0]

    numerical = torch.stack([(similarity(AWAY + d) - similarity(AWAY - d)) / 2e-4 for d in step])
    # the other measures hold the weights of the components
    exact = measure[0] in ("correlation", "correlation less background", "gradient correlation")
    assert (gradient - numerical).norm() / numerical.norm() < (1e-5 if exact else 0.5)


def test_a_component_never_counts_negatively(blobs, a_mask):
    images, _ = two_components(blobs, THERE)
    compare = radiograph_correlation(images[0, 0] - 0.5 * images[0, 1], a_mask)
    assert compare.similarity(images) == pytest.approx(float(compare.similarity(images[:, :1])), abs=1e-9)
