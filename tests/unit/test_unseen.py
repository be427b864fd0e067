"""What is looked for before a refusal is told: the key of a command that the book did not know, whatever it is."""

import pytest
from unit.desk import Desk
from unit.loads import needs_for
from unit.need_cases import every_case
from unit.world import job_of

from wallet_grpc.domain.batch import decide_batch
from wallet_grpc.domain.commands import Command
from wallet_grpc.domain.refusals import Refusal
from wallet_grpc.domain.unseen import key_of, unseen_key

CASES = list(every_case())


def stored_keys(desk: Desk) -> set[str]:
    """Under which keys a store would write."""
    keys = {transaction.key for change in desk.book.changes for transaction in change.transactions}
    keys |= {entry.key for change in desk.book.changes if change.journaled for entry in change.journaled.entries}
    return keys | {change.credited.entry.key for change in desk.book.changes if change.credited}


@pytest.mark.parametrize(("desk", "command"), CASES, ids=[type(command).__name__ for _, command in CASES])
def test_a_command_is_looked_for_under_the_key_that_it_is_stored_under_until_that_is_known(
    desk: Desk, command: Command
) -> None:
    desk.book.ask(needs_for([command]))
    was_known = unseen_key(desk.book, command) is None
    assert was_known == (key_of(command) in stored_keys(desk))
    (outcome,) = decide_batch(desk.book, [job_of(command)], desk.moment)
    if isinstance(outcome, Refusal):
        return
    assert key_of(command) in stored_keys(desk)
    assert unseen_key(desk.book, command) is None
