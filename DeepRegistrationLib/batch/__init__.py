"""Many cases at once: one folder for each, a summary over all, resumed where it was stopped.

May import everything below the command line. Start with `run.py`; `cluster.py` needs dask.distributed, which
the extra `cohort` installs, and is imported only when it is asked for.
"""
