"""The panel without a mouse, and on a dark window: order of the tab key, colours that can be read."""

import itertools
import re

import pytest
import qt
from DeepRegistrationSlicer.Choices import JobChoice
from DeepRegistrationSlicer.PanelMessage import Tone

from Testing.Slicer.conftest import ROOT

SAME_ROW_PX = 16
READABLE = 4.5
"""Contrast that WCAG asks of text."""


def reachedByTab(user) -> list:
    """Widgets in the order in which the tab key reaches them, from the tabs on."""
    first = user.ui.jobTabs
    found, widget = [], first.nextInFocusChain()
    while widget is not first:
        takesTab = bool(widget.focusPolicy.value & qt.Qt.TabFocus.value)
        # the headers of collapsible parts are CTK's own matter, and different in the stand-in
        isOurs = not isinstance(widget, qt.QToolButton)
        if (
            isOurs
            and takesTab
            and widget.isVisible()
            and widget.isEnabled()
            and user.parent.isAncestorOf(widget)
        ):
            found.append(widget)
        widget = widget.nextInFocusChain()
    return found


@pytest.mark.parametrize("job", JobChoice, ids=lambda job: job.value)
def test_the_tab_key_goes_down_the_panel(open_panel, job):
    user = open_panel(job)
    heights = [widget.mapTo(user.parent, qt.QPoint(0, 0)).y() for widget in reachedByTab(user)]
    # the last step leads from the end of the panel to its beginning
    start = heights.index(min(heights))
    heights = heights[start:] + heights[:start]
    assert len(heights) >= 4
    assert all(below > above - SAME_ROW_PX for above, below in itertools.pairwise(heights))


def luminance(color: str) -> float:
    """Relative luminance of WCAG 2, of a colour such as "#fff3c4"."""
    channels = [int(color[start : start + 2], 16) / 255 for start in (1, 3, 5)]
    linear = [c / 12.92 if c <= 0.04045 else ((c + 0.055) / 1.055) ** 2.4 for c in channels]
    return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]


@pytest.mark.parametrize("tone", [tone for tone in Tone if tone.value], ids=lambda tone: tone.name)
def test_a_message_brings_its_own_background_so_that_it_is_read_on_any_window(tone):
    light, dark = map(luminance, tone.value)
    assert (light + 0.05) / (dark + 0.05) > READABLE


def test_forms_take_their_colours_from_the_window():
    forms = (ROOT / "DeepRegistration" / "Resources" / "UI").glob("*.ui")
    assert not [path.name for path in forms if re.search(r"styleSheet|<color", path.read_text("utf-8"))]
