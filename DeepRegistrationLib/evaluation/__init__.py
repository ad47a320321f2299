"""Metrics, the studies of the papers on public images, and the benchmark of time and memory.

May import the workflows and everything below them. Start with `fetal_volume_study.py`; `metrics.py` says how
an error is measured. Each study writes every single trial, so that it can be stopped and taken up again.
"""
