"""What the wallet can do on this machine, beside yardsticks that ran on the same PostgreSQL minutes apart.

`make bench` and `make bench-quick` run it. `programme` says what is measured and in which order, `targets` what is to
be reached, `client` is the process that makes the load, `audit` decides whether a run counts at all.

To add a measurement: name its figure in `figures`, its target in `targets`, and put a step into `programme`.
"""
