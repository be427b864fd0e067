"""An event client, seen from the benchmark's own process."""

from bench.clients.child_process import ChildProcess
from bench.clients.event_orders import Done, EventOrder, Ready, Total, from_line


class EventClient(ChildProcess):
    """One event client with one order."""

    def __init__(self, order: EventOrder) -> None:
        super().__init__("bench.clients.event_client")
        self._order = order

    def begin(self) -> None:
        """Give the order and wait until the client has begun.

        Raises:
            ClientFailedError: It failed.
        """
        self.tell(self._order.to_line())
        answer = from_line(next(self.lines()))
        assert isinstance(answer, Ready), answer

    def end(self, *, total: int | None = None) -> Done:
        """Wait until the job is done; a subscriber is told how many events there are.

        Raises:
            ClientFailedError: It failed.
        """
        if total is not None:
            self.tell(Total(events=total).to_line())
        answer = from_line(next(self.lines()))
        assert isinstance(answer, Done), answer
        return answer
