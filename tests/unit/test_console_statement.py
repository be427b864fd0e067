"""What the page of a statement says where no line is shown."""

from types import SimpleNamespace
from typing import Any, cast

import pytest

from wallet.v1 import backoffice_pb2 as pb
from wallet_console.pages.players import statement
from wallet_console.visits import PageRequest


@pytest.mark.parametrize(("next_token", "said"), [("", "Nothing moved"), ("more", "Go on with the next page")])
async def test_a_page_without_lines_says_whether_that_is_all(next_token: str, said: str) -> None:
    shown: dict[str, Any] = {}

    async def ask(_request: Any) -> Any:
        return pb.GetStatementResponse(next_page_token=next_token)

    async def table(_name: str, load: Any) -> Any:
        return await load(PageRequest(token="", size=10))

    async def short_table(_name: str, table: Any) -> Any:
        return table

    async def page(_name: str, **parts: Any) -> None:
        shown.update(parts)

    visit = SimpleNamespace(
        request=SimpleNamespace(path_params={"player_id": "7"}),
        network=lambda: 0,
        asked=lambda _name: "",
        ask=ask,
        table=table,
        short_table=short_table,
        page=page,
    )
    await statement(cast("Any", visit))
    assert said in shown["table"].empty
