"""What differs between jobs of different kinds: reading their files, their workflow, what they write.

May import everything below `job_runner`, which runs them. Start with `steps.py`; `kinds.py` lists them all.
"""
