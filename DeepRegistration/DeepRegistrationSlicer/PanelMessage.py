"""A line of text with the colour of its importance."""

from enum import Enum

import qt


class Tone(Enum):
    """How important a message is; the value is its background and text colour, None that of the window."""

    PLAIN = None
    WARNING = ("#fff3c4", "#4d3b00")
    PROBLEM = ("#fbd9d3", "#5c1a10")


def showMessage(label: qt.QLabel, text: str, tone: Tone = Tone.PLAIN) -> None:
    """Shows a text, or hides the label if there is none.

    Args:
        label: where.
        text: for the user.
        tone: sets the colours, by the palette.
    """
    label.text = text
    label.visible = bool(text)
    label.autoFillBackground = tone != Tone.PLAIN
    palette = qt.QPalette()
    if tone != Tone.PLAIN:
        background, foreground = tone.value
        palette.setColor(qt.QPalette.Window, qt.QColor(background))
        palette.setColor(qt.QPalette.WindowText, qt.QColor(foreground))
    label.setPalette(palette)
