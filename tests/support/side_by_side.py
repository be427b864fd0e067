"""How `make test` spreads the tests over processes: file by file, those that take long first.

Each process has its own PostgreSQL and servers, and whoever kills one kills its own. A file's tests stay together,
since they share a module's fixtures. No test may count on a machine that does nothing else: what is told in seconds is
what the wallet waits for by its settings, with room for a processor that others use.
"""

import pytest
from xdist.remote import Producer
from xdist.scheduler import LoadFileScheduling
from xdist.workermanage import WorkerController

ONE_BROWSER = "tests/console/test_pages.py"
"""The file whose process has the browser, and the wallet that all files of its folder with a browser look at."""
IN_BROWSER = frozenset(f"tests/console/test_{name}.py" for name in ("decisions", "pages", "pictures", "questions"))
LONGEST = (
    ONE_BROWSER,
    "tests/packaging/test_image.py",
    "tests/devstack/test_demo.py",
    "tests/faults/test_event_kills.py",
    "tests/bench/test_against.py",
    "tests/faults/test_alerts_in_faults.py",
    "tests/rpc/test_rule_10_order_of_effects.py",
    "tests/devstack/test_postgres.py",
    "tests/faults/test_kills.py",
    "tests/store/test_migrations.py",
    "tests/rpc/test_verify.py",
    "tests/devstack/test_rabbitmq.py",
    "tests/model/test_model.py",
    "tests/messaging/test_relay.py",
    "tests/rpc/test_stop.py",
    "tests/store/test_races.py",
    "tests/store/test_days.py",
    "tests/rpc/test_workers.py",
    "tests/messaging/test_broker_tls.py",
    "tests/messaging/test_copied_events.py",
    "tests/messaging/test_owners.py",
    "tests/sdk/test_bad_network.py",
    "tests/sdk/test_typescript.py",
    "tests/cells/test_copy.py",
    "tests/cells/test_copy_breaks.py",
    "tests/faults/test_subledger_kills.py",
    "tests/faults/test_failover.py",
    "tests/rpc/test_client.py",
    "tests/faults/test_event_outages.py",
    "tests/rpc/test_server.py",
    "tests/acceptance/test_batches_and_streams.py",
    "tests/rpc/test_server_faults.py",
    "tests/faults/test_synchronous_standby.py",
    "tests/faults/test_upgrade.py",
    "tests/faults/test_recovery.py",
    "tests/messaging/test_secrets.py",
    "tests/packaging/test_alerts.py",
    "tests/rpc/test_set_aside.py",
    "tests/store/test_migrating_under_load.py",
    "tests/rpc/test_rule_09_order_of_checks.py",
    "tests/messaging/test_consumer_limits.py",
)
"""Files that take more than half a minute, the longest first: begun last, one would run on when all others are done."""


class SideBySide(LoadFileScheduling):
    """Gives out files, the longest first."""

    def __init__(self, config: pytest.Config, log: Producer | None = None) -> None:
        super().__init__(config, log)
        moved = [file for file in (*LONGEST, *IN_BROWSER) if not (config.rootpath / file).is_file()]
        if moved:
            raise pytest.UsageError(f"files that {__name__} knows are not there: {', '.join(moved)}")

    def _split_scope(self, nodeid: str) -> str:
        file = str(super()._split_scope(nodeid))
        return ONE_BROWSER if file in IN_BROWSER else file

    def _assign_work_unit(self, node: WorkerController) -> None:
        longest = next((file for file in LONGEST if file in self.workqueue), None)
        if longest is not None:
            self.workqueue.move_to_end(longest, last=False)
        super()._assign_work_unit(node)
