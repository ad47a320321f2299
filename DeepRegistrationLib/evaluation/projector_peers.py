"""Other differentiable projectors, timed in an environment of their own: a program, not a module to import.

`python projector_peers.py input.npz output.npz` needs numpy, torch, nanodrr or DiffDRR, and nothing
of this library. Each peer gets the rays, the samples and the volume of the input; pictures, gradients and
seconds go into the output.
"""

import importlib.metadata
import sys
import time
from collections.abc import Callable

import numpy as np
import torch


def main(source: str, target: str) -> None:
    """Times every peer that is installed.

    Args:
        source: .npz with `values` (K, J, I) float32, `ras_from_ijk` (4, 4), `intrinsic` (3, 3) for pixel
            centres at whole numbers, `world_from_camera` (4, 4), `source_to_detector_mm`, `weights` (rows,
            columns) float32, `steps` (from source to detector), `points_in_volume` (of a ray, mean), `slab`
            (2,) (fractions of the rays around the volume), `finer` (factor), `repeats`, `threads`.
        target: .npz to be written; for each peer `<name>_version`, `<name>_image`, `<name>_fine_image` with
            more samples, `<name>_gradient` (3,): of sum(weights * image) in the position of the camera,
            `<name>_forward_s`, `<name>_gradient_s`.
    """
    given = np.load(source)
    torch.set_num_threads(int(given["threads"]))
    found = {}
    for name, prepare in (("nanodrr", _nanodrr), ("diffdrr", _diffdrr)):
        try:
            render, fine = prepare(given, 1), prepare(given, int(given["finer"]))
        except ImportError:
            continue
        pose = torch.from_numpy(given["world_from_camera"]).float()[None]
        weights = torch.from_numpy(given["weights"])

        def forward(render: Callable = render, pose: torch.Tensor = pose) -> torch.Tensor:
            with torch.no_grad():
                return render(pose)

        def gradient(
            render: Callable = render, pose: torch.Tensor = pose, weights: torch.Tensor = weights
        ) -> torch.Tensor:
            leaf = pose.clone().requires_grad_()
            (render(leaf) * weights).sum().backward()
            return leaf.grad[0, :3, 3]

        repeats = int(given["repeats"])
        found[f"{name}_version"] = importlib.metadata.version(name)
        found[f"{name}_image"] = forward().numpy()
        found[f"{name}_fine_image"] = forward(fine).numpy()
        found[f"{name}_gradient"] = gradient().numpy()
        found[f"{name}_forward_s"] = _seconds(forward, repeats)
        found[f"{name}_gradient_s"] = _seconds(gradient, repeats)
    np.savez(target, **found)


def _seconds(function: Callable, repeats: int) -> list[float]:
    seconds = []
    for _ in range(repeats):
        started = time.perf_counter()
        function()
        seconds.append(time.perf_counter() - started)
    return seconds


def _nanodrr(given: dict[str, np.ndarray], finer: int) -> Callable[[torch.Tensor], torch.Tensor]:
    from nanodrr.data import Subject
    from nanodrr.drr import render

    values = torch.from_numpy(given["values"])[None, None]
    matrix = given["ras_from_ijk"]
    subject = Subject(
        values,
        torch.zeros_like(values),
        torch.from_numpy(matrix).float(),
        torch.from_numpy(np.linalg.inv(matrix)).float(),
        Subject._make_voxel_to_grid(values.shape),
        torch.zeros(3),
        convert_to_mu=False,
    )
    intrinsic = given["intrinsic"].copy()
    intrinsic[:2, 2] += 0.5  # its pixel centres lie at n + 1/2
    inverse = torch.from_numpy(np.linalg.inv(intrinsic)).float()[None]
    distance = torch.tensor([float(given["source_to_detector_mm"])])
    rows, columns = given["weights"].shape
    points = int(given["points_in_volume"]) * finer  # it clips each ray itself
    return lambda pose: render(subject, inverse, pose, distance, rows, columns, points, backend="torch")[0, 0]


def _diffdrr(given: dict[str, np.ndarray], finer: int) -> Callable[[torch.Tensor], torch.Tensor]:
    from diffdrr.renderers import Trilinear

    renderer = Trilinear()
    values = torch.from_numpy(given["values"]).permute(2, 1, 0)  # it wants i first
    ijk_from_ras = torch.from_numpy(np.linalg.inv(given["ras_from_ijk"])).float()
    rows, columns = given["weights"].shape
    u, v = np.meshgrid(np.arange(columns), np.arange(rows))
    homogeneous = np.stack([u, v, np.ones_like(u)], -1).reshape(-1, 3)
    in_camera = homogeneous @ np.linalg.inv(given["intrinsic"]).T * float(given["source_to_detector_mm"])
    pixels = torch.from_numpy(in_camera).float()[None]
    lengths = pixels.norm(dim=-1)[:, None]
    first, last = (torch.tensor(float(fraction)) for fraction in given["slab"])
    points = round(float(last - first) * int(given["steps"]) * finer) + 1  # both ends included

    def render(pose: torch.Tensor) -> torch.Tensor:
        matrix = ijk_from_ras @ pose
        source = matrix[:, None, :3, 3]
        target = pixels @ matrix[:, :3, :3].transpose(1, 2) + source
        image = renderer(values, source, target, lengths, points, alphamin=first, alphamax=last)
        return image.reshape(rows, columns)

    return render


if __name__ == "__main__":
    main(*sys.argv[1:])
