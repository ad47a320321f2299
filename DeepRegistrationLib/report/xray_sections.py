"""What only the report of a CT and radiographs has: the residual of each view, how sure each direction is."""

from collections.abc import Mapping, Sequence

from DeepRegistrationLib.report.html_parts import grid, section

_DIRECTIONS = (
    ("along_columns_mm", "to the right in the first radiograph", "mm"),
    ("along_rows_mm", "down in the first radiograph", "mm"),
    ("in_depth_mm", "along the beam (depth)", "mm"),
    ("about_columns_deg", "tilt about its horizontal axis", "degrees"),
    ("about_rows_deg", "turn about its vertical axis", "degrees"),
    ("in_plane_deg", "turn within the radiograph", "degrees"),
)
_WEAK = 3.0
"""Depth this many times less sure than the other directions is worth a word."""


def xray_sections(content: Mapping[str, object]) -> list[str]:
    """The sections as HTML.

    Args:
        content: of result.json.
    """
    return [_residuals(content["views"]), _uncertainty(content["uncertainty"], len(content["views"]))]


def _residuals(views: Sequence[Mapping[str, object]]) -> str:
    rows = [
        (
            view["name"],
            _number(view["residual_start_mm"], 1),
            _number(view["residual_mm"], 2),
            _number(view["similarity"], 3),
        )
        for view in views
    ]
    header = ("radiograph", "residual before [mm]", "residual after [mm]", "similarity")
    return section(
        "Residual on the detector",
        "<p>Mean distance of the edges of the CT's bones from the nearest edges in the radiograph, measured "
        "on the detector, where everything is enlarged.</p>" + grid(header, rows),
    )


def _uncertainty(entry: Mapping[str, float] | None, views: int) -> str:
    if entry is None:
        return ""
    rows = [(words, f"{_number(entry[name], 2)} {unit}") for name, words, unit in _DIRECTIONS]
    text = (
        "<p>Standard deviation of the pose in each direction, from how sharply the similarity falls off.</p>"
    )
    sideways = max(entry["along_columns_mm"] or 0, entry["along_rows_mm"] or 0)
    if views == 1 and (entry["in_depth_mm"] or 0) > _WEAK * sideways:
        text += "<p>A single radiograph shows depth badly; a second one from another side makes it sure.</p>"
    return section("How sure each direction is", text + grid(("direction", "standard deviation"), rows))


def _number(value: float | None, decimals: int) -> str:
    return "unknown" if value is None else f"{value:.{decimals}f}"
