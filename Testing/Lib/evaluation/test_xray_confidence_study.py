"""The constants of the X-ray confidence can be fitted again."""

import numpy as np

from DeepRegistrationLib.evaluation.xray_confidence_study import (
    Setup,
    XrayConfidenceTrial,
    write_page,
)


def trial(number, right):
    generator = np.random.default_rng(number)
    better = 1.0 if right else 0.0
    return XrayConfidenceTrial(
        ct=f"ct{number % 3}",
        setup=str(Setup.DRR if right else Setup.OTHER_CT),
        number=number,
        seed=0,
        error_mm=0.1 if right else np.inf,
        error_deg=0.1 if right else 180.0,
        similarity=0.3 + 0.5 * better,
        fit_score=0.2 + 0.6 * better,
        score_ratio=1.05 + better * generator.uniform(0.2, 1.0),
        residual_ratio=1.02 + better * generator.uniform(0.5, 3.0),
        edge_distance_mm=4.0 - 2 * better + generator.normal(),
        disagreement_deg=3.0 - 2 * better,
        disagreement_mm=1.0,
        seen_share=0.8,
        depth_sigma_mm=1.0,
    )


def test_the_page_tells_weights_and_how_many_failures_are_caught(tmp_path):
    page = write_page([trial(n, n % 2 == 0) for n in range(30)], tmp_path).read_text(encoding="utf-8")
    assert "15 of 30 answers are wrong" in page
    assert "| other-ct | 15 | 0 |" in page
    assert "| the program today | 100 % |" in page
    weights = dict(line.split("|")[1:3] for line in page.splitlines() if line.startswith("| score"))
    assert float(weights[" score "]) > 0


def test_where_all_answers_are_alike_nothing_is_fitted(tmp_path):
    page = write_page([trial(n, True) for n in range(0, 6, 2)], tmp_path).read_text(encoding="utf-8")
    assert "nothing can be fitted" in page
