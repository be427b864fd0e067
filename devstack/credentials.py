"""Secrets of a development stack, made once and kept: passwords of roles, the secret of cookies, demo callers' keys.

They are kept for each environment apart, in credentials.json (mode 0600): a test key must never meet a live wallet.
"""

import json
import secrets
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import Self

import psycopg
from psycopg import sql

from devstack.servers.files import write_private
from devstack.stack_settings import StackError
from devstack.wallet_command import SERVICE_ROLE, WalletCommand

DEMO_CALLERS = {
    **{role: ("--role", role) for role in ("game", "payments", "credit", "backoffice", "auditor")},
    "console": ("--role", "backoffice", "--speaks-for-logins"),
}
"""A caller for each role, named as its role, and the console's: what their keys are made with."""


@dataclass(frozen=True, slots=True, kw_only=True)
class DemoKey:
    """A caller's key: what it is known by, and the secret itself."""

    key_id: str
    key: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Credentials:
    """The content of credentials.json."""

    service_password: str
    api_password: str = field(default_factory=lambda: secrets.token_urlsafe(24))
    backoffice_password: str = field(default_factory=lambda: secrets.token_urlsafe(24))
    cookie_secret: str = field(default_factory=lambda: secrets.token_urlsafe(48))
    console_session_secret: str = field(default_factory=lambda: secrets.token_urlsafe(48))
    console_link_secret: str = field(default_factory=lambda: secrets.token_urlsafe(48))
    keys: Mapping[str, DemoKey] = field(default_factory=dict)

    @classmethod
    def load_or_new(cls, folder: Path) -> Self:
        """Read what an earlier run kept, or begin with a new password and no keys."""
        try:
            known = json.loads(_path(folder).read_text())
        except ValueError as error:
            raise StackError(f"{_path(folder)} is damaged: {error}. Move it away; new keys are made.") from error
        except FileNotFoundError:
            return cls(service_password=secrets.token_urlsafe(24))
        known["keys"] = {caller: DemoKey(**entry) for caller, entry in known["keys"].items()}
        return cls(**known)  # what an older release did not keep is made now

    def store(self, folder: Path) -> None:
        """Keep them for the next run."""
        write_private(_path(folder), json.dumps(asdict(self), indent=2) + "\n")

    def with_working_keys(self, wallet: WalletCommand) -> Self:
        """Keep the keys that the database knows and has not revoked, and make the others."""
        standing = _standing_key_ids(json.loads(wallet.run("keys", "list", "--json")))
        keys = {}
        for caller in DEMO_CALLERS:
            known = self.keys.get(caller)
            keys[caller] = known if known is not None and known.key_id in standing else _new_key(wallet, caller)
        return replace(self, keys=keys)


def give_login(*, admin_url: str, password: str, role: str = SERVICE_ROLE) -> None:
    """Let a role log in with a password."""
    statement = sql.SQL("ALTER ROLE {} LOGIN PASSWORD {}").format(sql.Identifier(role), sql.Literal(password))
    with psycopg.connect(admin_url, autocommit=True) as connection:
        connection.execute(statement)


def _new_key(wallet: WalletCommand, caller: str) -> DemoKey:
    made = json.loads(wallet.run("keys", "create", "--source", caller, *DEMO_CALLERS[caller], "--json"))
    return DemoKey(key_id=str(made["key_id"]), key=made["key"])


def _standing_key_ids(listed: object) -> frozenset[str]:
    entries = listed.get("keys", []) if isinstance(listed, dict) else listed
    assert isinstance(entries, list), f"`wallet keys list --json` printed {type(entries).__name__}"
    return frozenset(str(entry["key_id"]) for entry in entries if not (entry.get("revoked") or entry.get("revoked_at")))


def _path(folder: Path) -> Path:
    return folder / "credentials.json"
