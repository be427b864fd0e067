"""What the wallet can do on this machine, beside yardsticks that ran on the same PostgreSQL minutes apart.

`make bench` and `make bench-quick` run it. `steps.programme` says what is measured and in which order, `report.targets`
what is to be reached, `clients.load_client` is the process that makes the load, `steps.audit` decides whether a run
counts at all.

To add a measurement: name its figure in `report.figures`, its target in `report.targets`, and put a step into
`steps.programme`.
"""
