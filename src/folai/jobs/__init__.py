"""Many clips: what a job is, when it is done, and who does it: processes here, or a Ray cluster.

job_lists.py       a folder, a pattern or a table -> jobs
records.py         the record beside a finished file: made from what, and is it still that
making.py          one job done: the same function, whoever calls it
supervisor.py      processes of one machine
cluster.py         Ray Data
batch.py           folai.batch(): all of it
"""
