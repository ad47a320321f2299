import dataclasses
import re
from html.parser import HTMLParser

import pytest

from DeepRegistrationLib.models.catalog import ModelStamp
from DeepRegistrationLib.report.html import html_report
from DeepRegistrationLib.report.pictures import pictures_of
from DeepRegistrationLib.report.words import shown_confidence
from DeepRegistrationLib.results.json_result import FileStamp, describe
from DeepRegistrationLib.workflows.result import Confidence, Trust

INPUTS = {"moving": FileStamp("<b>brain & co</b>.nii.gz", "ab" * 32)}


class Outline(HTMLParser):
    """Checks that what is opened is closed, and collects text and addresses."""

    VOID = ("meta", "img")

    def __init__(self, page):
        super().__init__()
        self.open, self.text, self.addresses, self.images = [], "", [], 0
        self.feed(page)
        assert self.open == []

    def handle_starttag(self, tag, attributes):
        self.images += tag == "img"
        self.addresses += [value for name, value in attributes if name in ("src", "href")]
        if tag not in self.VOID:
            self.open.append(tag)

    def handle_endtag(self, tag):
        assert self.open.pop() == tag

    def handle_data(self, data):
        self.text += data


@pytest.fixture(scope="module")
def the_page(a_registration):
    content = describe(a_registration, INPUTS)
    return html_report(content, pictures_of(a_registration), a_registration.segments)


def test_the_page_needs_no_other_file_and_no_network(the_page):
    addresses = Outline(the_page).addresses
    assert len(addresses) == 4
    assert all(address.startswith("data:image/png;base64,") for address in addresses)
    assert "http" not in re.sub(r"base64,[^\"]*", "", the_page)


def test_the_page_says_what_one_asks_later(the_page, a_registration):
    text = Outline(the_page).text
    assert "High confidence" in text
    assert a_registration.confidence.reason in text
    for asked in (
        "Before and after",
        "subject RAS to atlas RAS, in mm",
        "Turned by 104.",
        "local-correlation",
        "atlas age weeks",
        "Refining",
        "ab" * 32,
        "torch",
        "Left thalamus",
        "not for diagnosis",
    ):
        assert asked in text, asked


def test_names_of_files_cannot_change_the_page(the_page):
    assert "<b>brain" not in the_page
    assert "<b>brain & co</b>.nii.gz" in Outline(the_page).text


def test_the_page_follows_the_light_or_dark_setting(the_page):
    assert "prefers-color-scheme: dark" in the_page


@pytest.mark.parametrize(("value", "text"), [(0.9998, "0.99"), (1.0, "0.99"), (0.978, "0.97"), (0.0, "0.00")])
def test_a_confidence_is_never_shown_higher_than_it_is(value, text):
    assert shown_confidence(value) == text


def test_a_result_that_is_not_to_be_trusted_says_so_first(a_registration):
    low = Confidence(0.05, Trust.LOW, "This does not look like a fetal brain.")
    result = dataclasses.replace(a_registration, confidence=low, warnings=("The mask was found.",))
    text = Outline(html_report(describe(result, {}), [])).text
    assert text.index("Low confidence") < text.index("Do not use this result") < text.index("Please note")
    assert "No pictures: matplotlib is not installed" in text


def test_the_models_stand_beside_the_files_with_version_and_checksum(a_registration):
    result = dataclasses.replace(a_registration, models=(ModelStamp("fetal-pose-net", 3, "ab" * 32),))
    text = Outline(html_report(describe(result, INPUTS), [])).text
    assert "fetal-pose-netmodel, version 3" + "ab" * 32 in text
