"""The fault campaign: faults are done to real runs on the real engine, and what they cost is counted.

`python -m benchmarks.campaign` does all of them (about an hour on two cores), `… kill_resume hang` those named. One
file a fault; each has `NAME` and `run(lab) -> Finding`.
"""
