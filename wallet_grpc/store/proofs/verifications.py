"""Runs of `wallet verify` are kept: operators see when the ledger was last proven, and what was found."""

from __future__ import annotations

import json
from collections import Counter
from dataclasses import asdict
from datetime import datetime

from wallet_grpc.store.connection import kinds
from wallet_grpc.store.connection.statements import statements

from .verify import Check, Report

_SQL = statements(__package__, "verifications.sql")
_FINDINGS_MAX = 100


def record(dsn: str, report: Report, *, began_at: datetime, ended_at: datetime) -> None:
    """Keep what a run found, the first of its findings whole.

    Raises:
        psycopg.Error: It cannot be kept: the login may only read, or the database does not answer.
    """
    wrong = Counter(finding.check for finding in report.findings)
    findings = report.findings[:_FINDINGS_MAX]
    with kinds.connect(dsn, kinds.command("wallet-verify"), autocommit=True) as connection:
        connection.execute(
            _SQL["record"],
            {
                "began_at": began_at,
                "ended_at": ended_at,
                "clean": report.clean,
                "transactions": report.transactions,
                "entries": report.entries,
                "accounts": report.accounts,
                "checks": json.dumps([{"check": check.value, "findings": wrong[check]} for check in Check]),
                "findings": json.dumps([asdict(finding) for finding in findings]),
                "findings_left_out": len(report.findings) - len(findings),
            },
        )
