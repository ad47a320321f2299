"""Similarity measures, one per file.

May import `geometry` and `images`. The measures that a least-squares refinement can use give, beside their
value, the residual and its slope (`correlation.py`, `local_correlation.py`).
"""
