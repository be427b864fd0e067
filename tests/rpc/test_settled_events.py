"""Events that were set aside, as operators settle them by call: tried again or given up once, each with its row."""

from collections.abc import Callable, Iterator

import pytest
from support.backoffice import BackofficeCaller, backoffice_of
from support.database import Installation
from support.outbox import parked_inbox, parked_outbox
from support.server import WalletServer
from support.wallet import Wallet

from wallet.v1 import backoffice_pb2 as pb

TRAIL = "SELECT kind, operator, subject, reason, facts_before ->> %s FROM operator_actions WHERE subject = %s"


@pytest.fixture(scope="module")
def served(module_installation: Installation) -> Iterator[Wallet]:
    with WalletServer(module_installation) as server:
        yield server.wallet()


@pytest.fixture
def bob(served: Wallet) -> BackofficeCaller:
    return backoffice_of(served, "operator")


@pytest.fixture
def received(module_installation: Installation) -> str:
    return f"in-{parked_inbox(module_installation)}"


@pytest.fixture
def published(module_installation: Installation, served: Wallet) -> str:
    served.player("10")
    return f"out-0-{parked_outbox(module_installation)}"


def test_a_received_event_is_tried_again(
    module_installation: Installation, bob: BackofficeCaller, received: str
) -> None:
    answer = bob.call(pb.ReplayEventRequest(event_ref=received, reason="their bug is mended"))
    assert (answer.event.event_ref, answer.event.state) == (received, pb.EVENT_STATE_WAITING)
    assert module_installation.rows(TRAIL, "state", f"event {received}") == [
        ("EVENT_REPLAY", "operator", f"event {received}", "their bug is mended", "PARKED")
    ]


def test_an_event_of_the_outbox_is_published_again(
    module_installation: Installation, bob: BackofficeCaller, published: str
) -> None:
    answer = bob.call(pb.ReplayEventRequest(event_ref=published, reason="the queue is bound"))
    assert answer.event.event_ref != published, "it comes after what relays have looked at"
    assert answer.event.state == pb.EVENT_STATE_WAITING
    bob.refused(pb.ReplayEventRequest(event_ref=published, reason="again"), "EVENT_NOT_FOUND")
    assert module_installation.rows(TRAIL, "failure", f"event {published}") == [
        ("EVENT_REPLAY", "operator", f"event {published}", "the queue is bound", "no queue")
    ]


@pytest.mark.parametrize("which", ["received", "published"])
def test_an_event_is_given_up_once(
    request: pytest.FixtureRequest, module_installation: Installation, bob: BackofficeCaller, which: str
) -> None:
    ref: str = request.getfixturevalue(which)
    discard = pb.DiscardEventRequest(event_ref=ref, reason="a test of theirs")
    bob.call(discard)
    bob.refused(discard, "EVENT_NOT_FOUND")
    bob.refused(pb.ReplayEventRequest(event_ref=ref, reason="after all"), "EVENT_NOT_FOUND")
    ((kind, *_),) = module_installation.rows(TRAIL, "state", f"event {ref}")
    assert kind == "EVENT_DISCARD"


@pytest.mark.parametrize(
    "player_id",
    ['"10000000000000000000"', "9" * 5_000, '"x"', "true", "null"],
    ids=["too high", "endless", "no number", "a truth", "nothing"],
)
def test_an_event_may_name_a_player_that_there_cannot_be(
    module_installation: Installation, bob: BackofficeCaller, received: str, player_id: str
) -> None:
    """What the sender wrote is told as it is; as a player it is nobody."""
    body = f'{{"depositId": "d-1", "playerId": {player_id}}}'
    with module_installation.connect(autocommit=True) as connection:
        connection.execute(
            "UPDATE inbox_events SET body = %s WHERE inbox_id = %s", [body, received.removeprefix("in-")]
        )
    listed = bob.listed(pb.ListParkedEventsRequest(direction=pb.EVENT_DIRECTION_RECEIVED))
    (event,) = [event for event in listed if event.event_ref == received]
    assert (event.player_id, event.body_json) == (0, "")
    shown = bob.call(pb.GetParkedEventRequest(event_ref=event.event_ref))
    assert (shown.player_id, shown.body_json) == (0, body)


@pytest.mark.parametrize("make", [pb.ReplayEventRequest, pb.DiscardEventRequest])
@pytest.mark.parametrize(
    ("fields", "reason", "metadata"),
    [
        ({"event_ref": ""}, "MISSING_FIELD", {"field": "event_ref"}),
        ({"event_ref": "nonsense"}, "INVALID_FIELD", {"field": "event_ref"}),
        ({"event_ref": "in-999999999"}, "EVENT_NOT_FOUND", {}),
        ({"event_ref": "out-0-999999999"}, "EVENT_NOT_FOUND", {}),
        ({"event_ref": "out-77-1"}, "EVENT_NOT_FOUND", {}),
        ({"reason": ""}, "MISSING_FIELD", {"field": "reason"}),
    ],
)
def test_a_request_is_well_formed(
    bob: BackofficeCaller,
    make: Callable[..., pb.ReplayEventRequest],
    fields: dict[str, str],
    reason: str,
    metadata: dict[str, str],
) -> None:
    bob.refused(make(**{"event_ref": "in-1", "reason": "why"} | fields), reason, **metadata)


@pytest.mark.parametrize("name", ["games", "payments", "auditor"])
def test_it_is_for_operators(served: Wallet, name: str) -> None:
    caller = backoffice_of(served, name)
    caller.refused(pb.ReplayEventRequest(event_ref="in-1", reason="why"), "CALL_NOT_ALLOWED", role="backoffice")
    caller.refused(pb.DiscardEventRequest(event_ref="in-1", reason="why"), "CALL_NOT_ALLOWED", role="backoffice")
