"""A picture of a report; kept apart from the drawing, so that the page can be built without matplotlib."""

from dataclasses import dataclass

LABELS = "labels"
"""Name of the picture whose colours need a legend."""


@dataclass(frozen=True, eq=False)
class Picture:
    """A picture with what is to be seen on it.

    Attributes:
        name: for file names.
        title: heading.
        caption: what is seen, in one or two sentences.
        png: the file.
    """

    name: str
    title: str
    caption: str
    png: bytes
