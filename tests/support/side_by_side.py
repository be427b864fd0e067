"""How `make test` spreads the tests over processes: side by side, but what measures time or kills runs by itself.

Each process has its own PostgreSQL, RabbitMQ and servers. A file's tests stay together, since they share a module's
fixtures. When only files of ALONE are left, all processes but one end, and that one runs them.
"""

from xdist.scheduler import LoadFileScheduling
from xdist.workermanage import WorkerController

ALONE = (
    "tests/faults/",
    "tests/devstack/",
    "tests/acceptance/test_session_time.py",
    "tests/rpc/test_overload.py",
    "tests/rpc/test_server_faults.py",
    "tests/rpc/test_workers.py",
    "tests/store/test_outages.py",
    "tests/store/test_pool.py",
)
"""Folders and files whose tests stop and kill servers, or wait for no longer than a quiet machine takes."""


class SideBySide(LoadFileScheduling):
    """Gives out files, those of ALONE last and to one process."""

    def remove_node(self, node: WorkerController) -> str | None:
        """Forget a process that has ended; the last one goes on with what runs alone."""
        crashed = super().remove_node(node)
        for left in self.nodes:
            self._reschedule(left)
        return crashed

    def _assign_work_unit(self, node: WorkerController) -> None:
        side_by_side = next((file for file in self.workqueue if not file.startswith(ALONE)), None)
        if side_by_side is not None:
            self.workqueue.move_to_end(side_by_side, last=False)
            super()._assign_work_unit(node)
        elif node is not self.nodes[0]:
            node.shutdown()
        elif len(self.nodes) == 1:
            super()._assign_work_unit(node)
