"""Similarity measures, one per file.

May import `geometry` and `images`. The measures that a least-squares refinement can use give, beside their
value, the residual and its slope (`correlation.py`, `local_correlation.py`). Those of radiographs give
gradient and curvature in the pose (`radiograph_measure.py`).
"""
