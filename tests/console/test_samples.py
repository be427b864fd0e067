"""The last hour goes on being looked at, whatever a process shows in between."""

import asyncio
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Thread
from types import SimpleNamespace

import pytest
from support.waiting import wait_until

from wallet_console.samples import Samples

BUCKET = 'wallet_call_seconds_bucket{service="wallet.v1.WalletService",method="PlaceBet",le="%s"} 1\n'
GOOD = BUCKET % "+Inf"


@contextmanager
def showing(*texts: str) -> Iterator[str]:
    """Serve metrics: each text once, and the last one from then on."""
    left = list(texts)

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            text = left.pop(0) if len(left) > 1 else left[0]
            self.send_response(200)
            self.end_headers()
            self.wfile.write(text.encode())

        def log_message(self, *_: object) -> None:
            pass

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        thread = Thread(target=server.serve_forever)
        thread.start()
        try:
            yield f"http://127.0.0.1:{server.server_port}/metrics"
        finally:
            server.shutdown()
            thread.join()


@pytest.mark.parametrize("shown", ["wallet_call_seconds_bucket 1\n", BUCKET % "much"], ids=["no labels", "no bound"])
async def test_one_look_that_fails_is_not_the_last(shown: str) -> None:
    with showing(shown, shown, GOOD) as url:
        settings = SimpleNamespace(metrics_urls=(url,), console_metrics_interval_ms=10)
        samples = Samples(settings)  # type: ignore[arg-type]
        looking = asyncio.create_task(samples.keep_taking())
        await asyncio.to_thread(wait_until, lambda: samples.kept or looking.done(), what="a look that does not fail")
        assert not looking.done()
        looking.cancel()
