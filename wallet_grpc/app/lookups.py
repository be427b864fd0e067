"""What looks things up for operators, made of the settings: for the server, and for commands."""

from __future__ import annotations

from wallet_grpc.domain.cells import Cells
from wallet_grpc.settings import Settings
from wallet_grpc.store.backoffice.lookups import Lookups, LookupSettings


def lookups_of(settings: Settings, cells: Cells) -> Lookups:
    """Make what looks things up in these cells; it connects when it is asked."""
    return Lookups(
        LookupSettings(
            database_url=settings.backoffice_dsn,
            primary_url=settings.service_dsn,
            connections_max=settings.backoffice_connections_max,
            timeout_ms=settings.backoffice_query_timeout_ms,
            scan_rows_max=settings.backoffice_scan_rows_max,
        ),
        cells,
    )
