"""A picture of source, detector and bones in space, so that one sees at once how the geometry was read."""

from dataclasses import dataclass

import numpy as np
from scipy import ndimage

from DeepRegistrationLib.geometry.camera import Camera
from DeepRegistrationLib.images.volume import Volume
from DeepRegistrationLib.report.canvas import FAINT, TEXT, Board
from DeepRegistrationLib.report.picture import Picture
from DeepRegistrationLib.workflows.xray_result import XrayCtResult, XrayView

_WIDTH_PX, _HEIGHT_PX, _MARGIN_PX = 1020, 460, 46
_TEXT_PX = 120
"""Half the width of the text below a detector."""
_MOST_POINTS = 60_000
BONE_HU = 250.0
"""Without labels, what is denser is drawn as bone [HU]."""
_COLOURS = ("#59c2ff", "#ffb454", "#aad94c", "#d2a6ff")
"""One per view."""
_BONE, _BONE_BEFORE = np.array([0.93, 0.87, 0.75]), np.array([0.45, 0.33, 0.20])
_LIGHT = np.array([0.35, 0.45, 0.82])
"""Where the light goes, to the right, down and away: it comes over the left shoulder of who looks."""


def stand_picture(result: XrayCtResult) -> Picture:
    """Source, detector with its radiograph, and the bones of the CT before and after.

    Args:
        result: of the job `xray-ct`.
    """
    # float64 points of the bones' surface; the same ones before and after
    points, normals = _bone_surface(result)
    cameras = [view.radiograph.camera for view in result.views]
    eye = _Eye.of_cameras(cameras)
    placed = [_moved(points, pose) for pose in (result.start, result.world_from_ct)]
    corners = [corner for camera in cameras for corner in (camera.source_ras, *camera.detector_corners_ras())]
    eye = eye.fitted(np.vstack([np.array(corners), *placed]))
    board = Board(_WIDTH_PX, _HEIGHT_PX)
    depth = np.full((_HEIGHT_PX, _WIDTH_PX), np.inf)
    for view in result.views:
        _paste_detector(board, depth, eye, view)
    turns = [pose[:3, :3] for pose in (result.start, result.world_from_ct)]
    for place, turn, colour in zip(placed, turns, (_BONE_BEFORE, _BONE), strict=True):
        _splat(board, depth, eye, place, normals @ turn.T, colour)
    for number, camera in enumerate(cameras):
        _draw_beam(board, eye, camera, number, len(cameras) > 1)
    return Picture(
        "stand",
        "Source, detector and CT",
        "How the radiograph was taken: the X-ray source, the rays to the corners of the detector, the "
        "radiograph on it, and the bones of the CT after the registration (bright) and before (dark). If "
        "this does not look like the room, the geometry was read wrongly.",
        board.to_png(),
    )


@dataclass(frozen=True, eq=False)
class _Eye:
    """A parallel view of the world.

    Attributes:
        axes: (3, 3); rows: to the right, down, away from who looks; unit vectors in the world.
        scale: pixels per mm.
        offset_px: (2,); pixel of the world's origin.
    """

    axes: np.ndarray
    scale: float = 1.0
    offset_px: tuple[float, float] = (0.0, 0.0)

    @staticmethod
    def of_cameras(cameras: list[Camera]) -> "_Eye":
        """Looks at the stand from the side and from a little above: the first beam runs to the right."""
        first = cameras[0]
        right, down = first.viewing_direction, first.row_direction
        # with a second beam, upon the plane in which both run
        if len(cameras) > 1:
            across = np.cross(first.viewing_direction, cameras[1].viewing_direction)
            if np.linalg.norm(across) > 0.1:
                down = across / np.linalg.norm(across)
                down = down if down @ first.row_direction > 0 else -down
        away = np.cross(right, down)
        away /= np.linalg.norm(away)
        down = np.cross(away, right)
        axes = np.stack([right, down, away])
        return _Eye(_turned(axes, about=1, degrees=28.0 if len(cameras) == 1 else 12.0, tilt=24.0))

    def fitted(self, points: np.ndarray) -> "_Eye":
        """The same view with these points filling the picture."""
        flat = points @ self.axes[:2].T
        low, high = flat.min(0), flat.max(0)
        room = np.array([_WIDTH_PX, _HEIGHT_PX]) - 2 * _MARGIN_PX
        scale = float((room / np.maximum(high - low, 1e-6)).min())
        offset = np.array([_WIDTH_PX, _HEIGHT_PX]) / 2 - scale * (low + high) / 2
        return _Eye(self.axes, scale, tuple(offset))

    def look(self, points: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Pixels (N, 2) and distances (N,) of points (N, 3)."""
        seen = points @ self.axes.T
        return self.scale * seen[:, :2] + self.offset_px, seen[:, 2]


def _turned(axes: np.ndarray, about: int, degrees: float, tilt: float) -> np.ndarray:
    """Axes after who looks walked around the stand, then rose above it."""
    c, s = np.cos(np.radians(degrees)), np.sin(np.radians(degrees))
    right, down, away = axes
    right, away = c * right + s * away, -s * right + c * away
    c, s = np.cos(np.radians(tilt)), np.sin(np.radians(tilt))
    down, away = c * down + s * away, -s * down + c * away
    return np.stack([right, down, away])


def _moved(points: np.ndarray, matrix: np.ndarray) -> np.ndarray:
    return points @ matrix[:3, :3].T + matrix[:3, 3]


def _bone_surface(result: XrayCtResult) -> tuple[np.ndarray, np.ndarray]:
    """Points (N, 3) on the surface of the bones and their normals, in RAS of the CT."""
    bone = _bone(result.ct, result.labels)
    smooth = ndimage.gaussian_filter(bone.astype(np.float32), 1.0)
    surface = bone & ~ndimage.binary_erosion(bone)
    kji = np.argwhere(surface)
    if len(kji) > _MOST_POINTS:
        kji = kji[np.random.default_rng(0).choice(len(kji), _MOST_POINTS, replace=False)]
    gradient = np.stack([g[tuple(kji.T)] for g in np.gradient(smooth)], 1)[:, ::-1]  # along i, j, k
    normals = -gradient @ result.ct.geometry.ijk_from_ras[:3, :3]  # a gradient maps with the inverse
    normals /= np.maximum(np.linalg.norm(normals, axis=1, keepdims=True), 1e-9)
    return _moved(kji[:, ::-1].astype(np.float64), result.ct.geometry.ras_from_ijk), normals


def _bone(ct: Volume, labels: Volume | None) -> np.ndarray:
    """(K, J, I) bool."""
    if labels is not None:
        return (labels.values != 0).cpu().numpy()
    bone = (ct.values > BONE_HU).cpu().numpy()
    # specks of noise would hide the bones
    opened = ndimage.binary_opening(bone)
    return opened if opened.any() else bone


def _splat(
    board: Board, depth: np.ndarray, eye: _Eye, points: np.ndarray, normals: np.ndarray, colour: np.ndarray
) -> None:
    """Draws points as small lit squares, the nearest in front."""
    pixels, distances = eye.look(points)
    lit = np.clip(-(normals @ eye.axes.T) @ _LIGHT, 0, 1) * 0.7 + 0.3
    far_first = np.argsort(-distances)
    for dx, dy in ((0, 0), (1, 0), (0, 1), (1, 1)):
        x, y = (np.round(pixels + np.array([dx, dy])).astype(int)[far_first]).T
        inside = (x >= 0) & (y >= 0) & (x < _WIDTH_PX) & (y < _HEIGHT_PX)
        x, y, d = x[inside], y[inside], distances[far_first][inside]
        shade = (255 * lit[far_first][inside, None] * colour).astype(np.uint8)
        front = d < depth[y, x]
        board.pixels[y[front], x[front], :3] = shade[front]
        depth[y[front], x[front]] = d[front]


def _paste_detector(board: Board, depth: np.ndarray, eye: _Eye, view: XrayView) -> None:
    """Draws the radiograph where the detector stands."""
    camera = view.radiograph.camera
    columns, rows = camera.image_size_px
    # the detector's plane is flat and the view parallel: one affine map takes pixels of the picture there
    corners = camera.ras_from_pixels(np.array([(0, 0), (columns, 0), (0, rows)]) - 0.5)
    (origin, across, down), away = eye.look(corners)
    to_picture = np.stack([across - origin, down - origin], 1)
    if abs(np.linalg.det(to_picture)) < 1:
        return  # seen from its edge
    y, x = np.indices((_HEIGHT_PX, _WIDTH_PX))
    u, v = np.linalg.solve(to_picture, np.stack([x - origin[0], y - origin[1]]).reshape(2, -1))
    inside = ((u >= 0) & (u < 1) & (v >= 0) & (v < 1)).reshape(x.shape)
    column, row = (u * columns).astype(int), (v * rows).astype(int)
    values = view.radiograph.values.detach().cpu().numpy()
    low, high = np.percentile(values[view.radiograph.used().cpu().numpy()], (1, 99.7))
    grey = np.clip((values - low) / max(high - low, 1e-12), 0, 1)
    flat = inside.ravel()
    distance = (away[0] + u * (away[1] - away[0]) + v * (away[2] - away[0]))[flat]
    nearer = distance < depth[inside]
    shades = (255 * (0.12 + 0.88 * grey[row[flat], column[flat]])).astype(np.uint8)
    ys, xs = np.nonzero(inside)
    board.pixels[ys[nearer], xs[nearer], :3] = shades[nearer, None]
    depth[ys[nearer], xs[nearer]] = distance[nearer]


def _draw_beam(board: Board, eye: _Eye, camera: Camera, number: int, several: bool) -> None:
    colour = _COLOURS[number % len(_COLOURS)]
    corners = camera.detector_corners_ras()
    pixels, _ = eye.look(np.vstack([camera.source_ras, corners]))
    source, edges = pixels[0], pixels[1:]
    for edge in edges:
        board.line((source[0], edge[0]), (source[1], edge[1]), colour, 0.8, alpha=0.55)
    loop = np.vstack([edges, edges[:1]])
    board.line(loop[:, 0], loop[:, 1], colour, 1.6)
    turns = np.linspace(0, 2 * np.pi, 24)
    board.line(source[0] + 5 * np.cos(turns), source[1] + 5 * np.sin(turns), colour, 2.4)
    which = f" {number + 1}" if several else ""
    board.write(source[0], source[1] - 18, f"source{which}", TEXT, 9)
    low = edges[edges[:, 1].argmax()]
    distance = f"{camera.source_to_detector_mm:.0f} mm from the source"
    # kept within the picture
    x = float(np.clip(low[0], _TEXT_PX, _WIDTH_PX - _TEXT_PX))
    board.write(x, low[1] + 14, f"detector{which}, {distance}", FAINT, 8)
