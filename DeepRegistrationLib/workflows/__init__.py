"""One file per registration job: the only place where a job's steps are put in order.

May import everything below (geometry, images, similarity, optimize, atlases), nothing above (report, worker,
cli). Start with `fetal_volume.py`; `result.py` is what every job returns.
"""
