"""Line integrals on the CPU without an intermediate grid: threads share the rows of the images."""

import numpy as np
import torch

from DeepRegistrationLib.projection.index_rays import IndexRays
from DeepRegistrationLib.task_pool import run_tasks, split_evenly

# shares per thread: rays through the middle take longer than those past the volume
_SHARES_PER_THREAD = 4
# slabs into which a volume is divided when rays are added to it: for as many threads at most
_SLABS = 16


def is_available() -> bool:
    """True if numba is installed, fits numpy, and may keep what it compiles."""
    try:
        import numba  # noqa: F401

        from DeepRegistrationLib.projection import cpu_kernels  # noqa: F401
    except (
        ImportError,
        RuntimeError,
    ):  # RuntimeError: neither this folder nor the user's cache can be written
        return False
    return True


def forward(volume: torch.Tensor, rays: IndexRays, moments: bool) -> torch.Tensor:
    """Mean along each ray of the values and, with `moments`, of the gradients.

    Args:
        volume: (B or 1, C, K, J, I) float32 or float64 on the CPU.
        rays: B images, on the CPU.
        moments: also the six images of the gradient.

    Returns:
        (B, C, 1 or 7, rows, columns): value; gradient along i, j, k; fraction * gradient along i, j, k.
        Gradients are per index. All are means over the whole ray from source to detector, the volume being
        zero outside.
    """
    from DeepRegistrationLib.projection import cpu_kernels
    from DeepRegistrationLib.projection.cpu_rays import content_bounds

    volume = volume.contiguous()
    rows, columns = rays.shape_px
    channels = volume.shape[1]
    images = volume.new_empty(rays.batch, channels, 7 if moments else 1, rows, columns)
    volumes, outputs = volume.numpy(), images.numpy()
    sources, directions, steps = _numbers(rays)
    bounds = [[content_bounds(one) for one in channels_of_one] for channels_of_one in volumes]
    tasks = []
    for b in range(rays.batch):
        for c in range(channels):
            which = b if volume.shape[0] > 1 else 0
            one = (volumes[which, c], bounds[which][c])
            for first, last in _shares(rows, rays.batch * channels):
                ray = (sources[b], directions[b], steps[b], rays.phase, first, last)
                if moments:
                    tasks.append((cpu_kernels.integrate_moments, (*one, *ray, outputs[b, c])))
                else:
                    tasks.append((cpu_kernels.integrate, (*one, *ray, outputs[b, c, 0])))
    run_tasks(tasks)
    return images


def adjoint(images: torch.Tensor, rays: IndexRays, shape: tuple[int, ...]) -> torch.Tensor:
    """Adjoint of `forward`.

    Args:
        images: (B, C, 1 or 7, rows, columns).
        rays: B images.
        shape: of the volume: (B or 1, C, K, J, I).

    Returns:
        Tensor of that shape.
    """
    from DeepRegistrationLib.projection.cpu_adjoint_kernels import back_project

    images = images.contiguous()
    volume = images.new_zeros(shape)
    inputs, outputs = images.numpy(), volume.numpy()
    sources, directions, steps = _numbers(rays)

    def add(b: int, c: int, first: int, last: int) -> None:
        into = outputs[b if shape[0] > 1 else 0, c]
        # images of one volume one after the other: a share of slices belongs to one thread at a time
        for image in [b] if shape[0] > 1 else range(rays.batch):
            ray = (sources[image], directions[image], steps[image], rays.phase)
            back_project(inputs[image, c], *ray, first, last, into)

    volumes = [(b, c) for b in range(shape[0]) for c in range(shape[1])]
    # always the same shares: the order of the sums does not depend on the number of threads
    shares = split_evenly(shape[2], min(shape[2], _SLABS))
    run_tasks([(add, (b, c, *share)) for b, c in volumes for share in shares])
    return volume


def _numbers(rays: IndexRays) -> tuple[np.ndarray, np.ndarray, list[float]]:
    """Sources, directions and steps. The kernels check no index: a pose that is no number is stopped here."""
    sources, directions, steps = rays.source.numpy(), rays.directions.numpy(), rays.step.tolist()
    if not (
        np.isfinite(sources).all() and np.isfinite(directions).all() and all(0 < s < np.inf for s in steps)
    ):
        raise ValueError("the pose or the camera holds NaN or infinity")
    return sources, directions, steps


def _shares(count: int, others: int) -> list[tuple[int, int]]:
    """Ranges that divide `count` rows among the threads, if `others` pictures are there too."""
    threads = torch.get_num_threads()
    parts = 1 if threads == 1 else max(1, min(count, -(-threads * _SHARES_PER_THREAD // others)))
    return split_evenly(count, parts)
