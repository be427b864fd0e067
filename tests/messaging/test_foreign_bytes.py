"""Whatever a sender writes beside a body: the message is dealt with, and nothing else notices."""

import json
import random
import struct
import time
from base64 import b64decode, b64encode
from collections import Counter

from support.amqp import array, long, properties, short, table
from support.events import NAMES, Platform, Received, deposit_settled
from support.requests import Player
from support.waiting import BUSY_S, wait_until

KEY = b"payments.deposit.settled"
NOT_UTF_8 = short(b"\xff\xfe\x80")

UNREADABLE = {
    "correlation_id": properties(correlation_id=NOT_UTF_8),
    "message_id": properties(message_id=NOT_UTF_8),
    "content_type": properties(content_type=NOT_UTF_8),
    "content_encoding": properties(content_encoding=NOT_UTF_8),
    "reply_to": properties(reply_to=NOT_UTF_8),
    "type": properties(type=NOT_UTF_8),
    "app_id": properties(app_id=NOT_UTF_8),
    "timestamp": properties(timestamp=struct.pack(">Q", 1_764_000_000_000_000)),
    "timestamp ": properties(timestamp=struct.pack(">Q", 2**63)),
    "timestamp  ": properties(timestamp=struct.pack(">Q", 2**64 - 1)),
    "headers": properties(headers=table((b"\xff\xfe\x80", long(b"value")))),
    "headers ": properties(headers=table((b"when", b"T" + struct.pack(">Q", 2**63)))),
    "headers  ": properties(headers=table((b"in", b"F" + table((b"\xff", b"V"))))),
    "headers   ": properties(headers=table((b"deep", b"F" + table((b"in", array(b"F" + table((b"\xff", b"t\1")))))))),
}
"""By the property that is blamed."""


def written(letter: Received) -> dict:
    return json.loads(letter.headers["x-wallet-properties"])


def test_case_54_what_cannot_be_decoded_is_a_dead_letter_and_nothing_is_delivered_twice(platform: Platform) -> None:
    wait_until(lambda: "consuming" in platform.consumer.log, what="it consumes")
    bodies = {case: deposit_settled(Player().deposit("50")).body for case in UNREADABLE}
    platform.bus.publish_written(*((KEY, UNREADABLE[case], body) for case, body in bodies.items()))
    player = Player()
    began = time.monotonic()
    platform.settled(deposit_settled(player.deposit("50")), "APPLIED")
    assert time.monotonic() - began < 1 + BUSY_S, "a second on a quiet machine"
    letters = {letter.body: letter for letter in platform.bus.dead_letters(len(UNREADABLE))}
    for case, properties_bytes in UNREADABLE.items():
        letter = letters[bodies[case]]
        assert letter.headers["x-wallet-reason"] == "INVALID_FIELD"
        assert letter.headers["x-wallet-detail"].startswith(f"{case.strip()}: ")
        assert b64decode(letter.headers["x-wallet-raw-properties"]) == properties_bytes, "it came once"
        assert letter.headers["x-wallet-routing-key"] == KEY.decode()
    assert written(letters[bodies["correlation_id"]]) == {"correlation_id": "\\xff\\xfe\\x80"}
    assert platform.consumer.log.count('"consuming"') == 1, "the session went on"


def test_a_routing_key_that_is_no_text_is_a_dead_letter(platform: Platform) -> None:
    event = deposit_settled(Player().deposit("50"))
    platform.bus.publish_written((b"payments.\xff\xfe", properties(message_id=str(event.message_id)), event.body))
    (letter,) = platform.bus.dead_letters(1)
    assert letter.headers["x-wallet-detail"] == "routing_key: must be UTF-8"
    assert letter.headers["x-wallet-routing-key"] == "payments.\\xff\\xfe"
    assert letter.message_id == event.message_id
    platform.handled()
    assert platform.consumer.log.count('"consuming"') == 1


def test_bytes_that_mean_something_are_no_fault(platform: Platform) -> None:
    """A long string may be bytes, numbers may be anything, and tables may stand in tables."""
    player = Player()
    headers = table(
        (b"raw", long(b"\xff\xfe")),
        (b"number", b"d" + struct.pack(">d", 1e300)),
        (b"in", b"F" + table((b"when", b"T" + struct.pack(">Q", 1_764_000_000_000)))),
        (b"price", b"D" + struct.pack(">Bi", 2, -5)),
    )
    event = deposit_settled(player.deposit("50"))
    platform.bus.publish_written((KEY, properties(headers=headers, priority=200), event.body))
    platform.becomes(event, "APPLIED")
    assert platform.wallet.main(player) == "50"


UNKNOWN = b"payments.refund.made"
LARGE = b"x" * 30_000
UNKEEPABLE = {
    "raw": table((b"raw", long(b"\xff\xfe" * 20))),
    "double": table((b"number", b"d" + struct.pack(">d", 1e300))),
    "a frame full": table(*((b"header-%d" % number, long(LARGE)) for number in range(4))),
    "many": table(*((b"header-%d" % number, long(b"v" * 100)) for number in range(900))),
    "too many": table(*((b"header-%d" % number, long(b"v")) for number in range(6_000))),
    "raw, a frame full": table(*((b"header-%d" % number, long(b"\xff" * 30_000)) for number in range(4))),
    "numbers": table((b"big", b"l" + struct.pack(">q", -(2**63))), (b"unsigned", b"i" + struct.pack(">I", 2**32 - 1))),
}


def test_case_55_letters_are_written_whatever_their_headers_are_like_and_no_place_is_lost(platform: Platform) -> None:
    """As many as a consumer holds at once."""
    bodies = {case: b'{"case": "%s"}' % case.encode() for case in UNKEEPABLE}
    times = 420 // len(UNKEEPABLE)
    platform.bus.publish_written(
        *(
            (UNKNOWN, properties(headers=headers, content_type="application/json", message_id=case), bodies[case])
            for case, headers in UNKEEPABLE.items()
            for _ in range(times)
        )
    )
    player = Player()
    platform.settled(deposit_settled(player.deposit("50")), "APPLIED")
    assert platform.wallet.main(player) == "50"
    letters = platform.bus.dead_letters(times * len(UNKEEPABLE))
    assert Counter(letter.body for letter in letters) == dict.fromkeys(bodies.values(), times)
    for letter in letters:
        assert letter.headers["x-wallet-reason"] == "INVALID_FIELD"
        assert letter.message_id in UNKEEPABLE
        assert written(letter)["content_type"] == "application/json"
    shown = {str(letter.message_id): written(letter) for letter in letters}
    assert shown["raw"]["headers"] == {"raw": {"base64": b64encode(b"\xff\xfe" * 20).decode()}}
    assert shown["double"]["headers"] == {"number": 1e300}
    assert shown["numbers"]["headers"] == {"big": -(2**63), "unsigned": 2**32 - 1}
    assert shown["a frame full"]["headers"]["header-3"] == "x" * 512 + "... (30000 characters)"
    assert shown["many"]["headers_left_out"] + len(shown["many"]["headers"]) == 900


IN_FORCE = table(
    (b"CC", array(long(NAMES.payments_queue.encode()))),
    (b"BCC", array(long(NAMES.payments_queue.encode()))),
    (b"x-death", long(b"once")),
    (b"x-delay", b"I" + struct.pack(">i", 10**6)),
    (b"x-first-death-queue", long(b"q")),
    (b"x-wallet-reason", long(b"none")),
    (b"x-match", long(b"any")),
)


def test_nothing_of_the_senders_is_in_force_on_a_letter(platform: Platform) -> None:
    message = (
        KEY,
        properties(headers=IN_FORCE, priority=7, expiration="3600000", reply_to="q", message_id="looping", app_id="a"),
        b"garbage",
    )
    platform.bus.publish_written(message, message)
    for _ in range(2):
        (letter,) = platform.bus.dead_letters(1)
        assert set(letter.headers) - {"x-delivery-count"} == {
            "x-wallet-reason",
            "x-wallet-detail",
            "x-wallet-routing-key",
            "x-wallet-properties",
        }
        assert letter.headers["x-wallet-reason"] == "INVALID_FIELD"
        assert (letter.expiration, letter.priority or 0, letter.reply_to, letter.user_id) == (None, 0, None, None)
        told = written(letter)
        assert told["headers"]["CC"] == [NAMES.payments_queue]
        assert told["headers"]["x-wallet-reason"] == "none"
        assert (told["priority"], told["expiration"]) == (7, "3600000")
    platform.handled()
    assert platform.bus.waiting(NAMES.dead_letters) == 0, "one letter for each"


def test_random_bytes_do_no_more_than_be_dead_letters(platform: Platform) -> None:
    """Those that the broker takes; it closes the channel of who sends others."""
    chance = random.Random(54)

    def damaged() -> bytes:
        whole = bytearray(chance.choice([*UNREADABLE.values(), properties(headers=IN_FORCE, app_id="abc")]))
        for _ in range(chance.randint(1, 3)):
            whole[chance.randrange(2, len(whole))] = chance.randrange(256)
        return bytes(whole)

    taken = platform.bus.publish_what_is_taken([(UNKNOWN, damaged(), b"{}") for _ in range(60)])
    assert taken > 5
    platform.handled()
    assert len(platform.bus.dead_letters(taken)) == taken
    assert platform.consumer.log.count('"consuming"') == 1
    assert platform.bus.waiting(NAMES.dead_letters) == 0
