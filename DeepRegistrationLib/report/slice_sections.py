"""What only the report of slices has: poses that cannot be told apart, and the motion of a stack's slices."""

from collections.abc import Mapping, Sequence

from DeepRegistrationLib.report.html_parts import grid, section


def slice_sections(content: Mapping[str, object]) -> list[str]:
    """The sections as HTML; empty texts where the result has neither.

    Args:
        content: of result.json.
    """
    return [_hypotheses(content.get("hypotheses", ())), _slices(content.get("slices", ()))]


def _hypotheses(hypotheses: Sequence[Mapping[str, object]]) -> str:
    """Poses that cannot be told apart with certainty; nothing where there is one only."""
    if len(hypotheses) < 2:
        return ""
    rows = [
        (str(number), f"{100 * entry['probability']:.0f} %", f"{entry['similarity']:.3f}")
        for number, entry in enumerate(hypotheses, 1)
    ]
    return section(
        "Mirrored poses",
        "<p>A brain looks nearly the same left and right, so a slice fits at two places. The first is the "
        "answer; the matrix of the other is in result.json.</p>"
        + grid(("pose", "probability", "similarity"), rows),
    )


def _slices(slices: Sequence[Mapping[str, object]]) -> str:
    """How far each slice of a stack has moved against the stack."""
    if not slices:
        return ""
    rows = [
        (
            str(entry["index"]),
            f"{entry['similarity']:.2f}",
            f"{entry['turned_deg']:.1f}",
            f"{entry['moved_mm']:.1f}",
        )
        for entry in slices
    ]
    header = ("slice", "similarity", "turned [degrees]", "moved [mm]")
    return section(
        "Slices of the stack",
        "<p>Motion of each slice against the stack as a whole; the poses are in slices.csv.</p>"
        f"<details><summary>{len(slices)} slices</summary>{grid(header, rows)}</details>",
    )
