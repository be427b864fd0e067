"""The client process, seen from the benchmark's own."""

from collections.abc import Iterator

from bench.clients.child_process import ChildProcess
from bench.clients.orders import Order, Outcome, Progress, from_line


class ClientProcess(ChildProcess):
    """One client with one order."""

    def __init__(self, order: Order) -> None:
        super().__init__("bench.clients.load_client")
        self._order = order

    def answers(self) -> Iterator[Progress | Outcome]:
        """Give the order and yield what the client tells; the outcome is the last.

        Raises:
            ClientFailedError: It ended without an outcome, or fell silent.
        """
        self.tell(self._order.to_line())
        for line in self.lines():
            answer = from_line(line)
            yield answer
            if isinstance(answer, Outcome):
                return
