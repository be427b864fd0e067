"""What HTTP probes are told of a process."""

import asyncio
from http import HTTPStatus

from wallet_grpc.app.probes import LIVENESS, READINESS, Probes

OK, NOT_OK = HTTPStatus.OK, HTTPStatus.SERVICE_UNAVAILABLE


def answers(probes: Probes) -> tuple[HTTPStatus | None, HTTPStatus | None]:
    return probes.answer(LIVENESS), probes.answer(READINESS)


def test_it_lives_before_it_is_ready_and_until_it_has_left() -> None:
    probes = Probes(hung_after_ms=60_000)
    assert answers(probes) == (OK, NOT_OK)
    ready = True
    probes.ready_while(lambda: ready)
    assert answers(probes) == (OK, OK)
    ready = False
    assert answers(probes) == (OK, NOT_OK)
    ready = True
    probes.leave()
    assert answers(probes) == (OK, NOT_OK)
    assert probes.answer("/metrics") is None


async def test_it_is_hung_once_its_event_loop_has_said_nothing() -> None:
    probes = Probes(hung_after_ms=0)
    probes.ready_while(lambda: True)
    assert answers(probes) == (NOT_OK, NOT_OK)
    patient = Probes(hung_after_ms=60_000)
    before = patient.beaten_at
    beating = asyncio.create_task(patient.beat())
    await asyncio.sleep(0)
    assert patient.beaten_at > before
    beating.cancel()
