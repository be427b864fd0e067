"""How `make test` spreads the tests over processes: side by side, but what measures time runs by itself.

Each process has its own PostgreSQL and servers, and whoever kills one kills its own. A file's tests stay
together, since they share a module's fixtures. When only files of ALONE are left, all processes but one end, and that
one runs them.
"""

import pytest
from xdist.remote import Producer
from xdist.scheduler import LoadFileScheduling
from xdist.workermanage import WorkerController

ALONE = (
    "tests/acceptance/test_session_time.py",
    "tests/faults/test_event_kills.py",
    "tests/faults/test_frozen_process.py",
    "tests/faults/test_outages.py",
    "tests/faults/test_synchronous_standby.py",
    "tests/rpc/test_overload.py",
    "tests/rpc/test_server_faults.py",
    "tests/rpc/test_workers.py",
    "tests/store/test_outages.py",
    "tests/store/test_pool.py",
)
"""Files whose tests wait for no longer than a quiet machine takes, or hold what is done in a second against a limit."""

LONGEST = (
    "tests/rpc/test_rule_10_order_of_effects.py",
    "tests/devstack/test_rabbitmq.py",
    "tests/model/test_model.py",
    "tests/store/test_migrations.py",
    "tests/faults/test_kills.py",
    "tests/rpc/test_verify.py",
    "tests/store/test_races.py",
    "tests/messaging/test_owners.py",
    "tests/messaging/test_relay.py",
    "tests/devstack/test_postgres.py",
    "tests/faults/test_subledger_kills.py",
    "tests/devstack/test_demo.py",
    "tests/rpc/test_stop.py",
)
"""Files that take more than half a minute, the longest first: begun last, one would run on when all others are done."""


class SideBySide(LoadFileScheduling):
    """Gives out files: the longest first, those of ALONE last and to one process."""

    def __init__(self, config: pytest.Config, log: Producer | None = None) -> None:
        super().__init__(config, log)
        moved = [file for file in (*ALONE, *LONGEST) if not (config.rootpath / file).is_file()]
        if moved:
            raise pytest.UsageError(f"files that {__name__} knows are not there: {', '.join(moved)}")

    def remove_node(self, node: WorkerController) -> str | None:
        """Forget a process that has ended; the last one goes on with what runs alone."""
        crashed = super().remove_node(node)
        for left in self.nodes:
            self._reschedule(left)
        return crashed

    def _assign_work_unit(self, node: WorkerController) -> None:
        file = self._next()
        if file is not None:
            self.workqueue.move_to_end(file, last=False)
            super()._assign_work_unit(node)
        elif node is not self.nodes[0]:
            node.shutdown()
        elif len(self.nodes) == 1:
            super()._assign_work_unit(node)

    def _next(self) -> str | None:
        """Return the file that is to be run next beside others."""
        longest = next((file for file in LONGEST if file in self.workqueue), None)
        return longest or next((file for file in self.workqueue if file not in ALONE), None)
