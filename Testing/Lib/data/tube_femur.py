"""A femur without a patient: a bent tube with a round head, whose frame is known exactly."""

import struct

import numpy as np

from DeepRegistrationLib.data.bone_mesh import BoneMesh

NECK_DOWN_DEG = 40.0


def tube_femur(radius_mm=24.0, length_mm=380.0, neck_mm=45.0, shaft_mm=14.0, rings=260, sides=48):
    """A right femur in its own frame: centre of the head at the origin, shaft along z, neck towards +x.

    Circles around a line that runs straight through head and neck and bends into the shaft; a bump behind
    and medially is the lesser trochanter, another one above the bend the greater one.
    """
    down = np.radians(NECK_DOWN_DEG)
    bend_mm = 32.0
    arc = (np.pi / 2 - down) * bend_mm
    total = neck_mm + arc + length_mm
    # closer rings where the head begins: its slope is steep there
    along = np.concatenate(
        [-radius_mm * np.cos(np.linspace(0.02, 1.5, rings // 3)), np.linspace(0.1, total, rings - rings // 3)]
    )
    angle = down + np.clip((along - neck_mm) / bend_mm, 0, np.pi / 2 - down)
    straight = np.minimum(along, neck_mm)[:, None] * np.array([np.cos(down), 0, -np.sin(down)])
    bent = np.clip(along - neck_mm, 0, arc) / bend_mm
    turn = np.stack(
        [np.sin(down + bent) - np.sin(down), 0 * bent, np.cos(down + bent) - np.cos(down)], axis=1
    )
    last = np.clip(along - neck_mm - arc, 0, None)[:, None] * np.array([0, 0, -1.0])
    middle = straight + bend_mm * turn + last
    head = np.sqrt(np.clip(radius_mm**2 - along**2, 0, None))
    rest = 0.66 * radius_mm + (shaft_mm - 0.66 * radius_mm) * np.clip(along / (neck_mm + arc), 0, 1)
    size = np.maximum(head, np.where(along > 0, rest, 0))
    turns = np.arange(sides) * 2 * np.pi / sides
    up = np.stack([np.sin(angle), 0 * angle, np.cos(angle)], axis=1)
    bump = (
        9
        * np.exp(-(((along - neck_mm - arc + 2) / 7) ** 2))[:, None]
        * np.exp(2 * (np.cos(turns - np.radians(160)) - 1))
    )
    bump = bump + 12 * np.exp(-(((along - neck_mm - 8) / 9) ** 2))[:, None] * np.exp(
        2 * (np.cos(turns - 1.5) - 1)
    )
    ring = (size[:, None] + bump)[..., None] * (
        np.sin(turns)[:, None] * up[:, None] + np.cos(turns)[:, None] * np.array([0, 1.0, 0])
    )
    points = (middle[:, None] + ring).reshape(-1, 3)
    i, j = np.meshgrid(np.arange(rings - 1), np.arange(sides), indexing="ij")
    first, beside = i * sides + j, i * sides + (j + 1) % sides
    quads = np.stack([first, beside, beside + sides, first + sides], -1).reshape(-1, 4)
    caps = [
        [(len(points), (j + 1) % sides, j) for j in range(sides)],
        [
            (len(points) + 1, (rings - 1) * sides + j, (rings - 1) * sides + (j + 1) % sides)
            for j in range(sides)
        ],
    ]
    triangles = np.concatenate([quads[:, [0, 1, 2]], quads[:, [0, 2, 3]], *caps])
    points = np.concatenate([points, [points[:sides].mean(0), points[-sides:].mean(0)]])
    mesh = BoneMesh(points, triangles, "tube")
    return mesh if mesh.volume_mm3 > 0 else BoneMesh(points, triangles[:, ::-1], "tube")


def write_binary_stl(mesh, path):
    corners = mesh.vertices[mesh.triangles].astype("<f4")
    rows = b"".join(struct.pack("<12fH", 0, 0, 0, *corner.ravel(), 0) for corner in corners)
    path.write_bytes(b"solid-looking header".ljust(80) + struct.pack("<I", len(corners)) + rows)
