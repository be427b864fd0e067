"""A secret may be given as a file, and nothing that is wrong with a secret is told by showing it."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
from click import ClickException
from click.testing import CliRunner
from pydantic_settings import BaseSettings

from wallet_api.settings import ApiSettings
from wallet_cli.__main__ import main
from wallet_cli.options import read_as
from wallet_cli.running_stack import is_asked_for
from wallet_grpc.secret_files import FILE_BYTES_MAX, EnvironmentSettings
from wallet_grpc.settings import AdminSettings, Settings, check_dsn

DSN = "postgresql://wallet:hunter2@database/wallet"
SECRETS = {
    "database_url": DSN,
    "admin_database_url": DSN,
    "api_database_url": DSN,
    "backoffice_database_url": DSN,
    "read_database_url": DSN,
    "amqp_url": "amqp://wallet:hunter2@broker/",
    "cookie_secret": "hunter2" * 8,
}
NEEDED: dict[type[EnvironmentSettings], tuple[str, ...]] = {
    Settings: ("database_url",),
    AdminSettings: ("database_url",),
    ApiSettings: ("api_database_url", "cookie_secret"),
}
EACH = [(kind, name) for kind in NEEDED for name in kind.secrets()]


@pytest.fixture(autouse=True)
def _nothing_is_set(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in [name for name in os.environ if name.startswith("WALLET_")]:
        monkeypatch.delenv(name)


def write(folder: Path, content: str | bytes) -> str:
    file = folder / "secret"
    file.write_bytes(content.encode() if isinstance(content, str) else content)
    return str(file)


def needed_but(kind: type[BaseSettings], name: str) -> dict[str, str]:
    """Give what settings of a kind must have, apart from one."""
    return {f"WALLET_{other.upper()}": SECRETS[other] for other in NEEDED[kind] if other != name}


def set_all(monkeypatch: pytest.MonkeyPatch, variables: dict[str, str]) -> None:
    for name, value in variables.items():
        monkeypatch.setenv(name, value)


def test_every_secret_has_a_case_here() -> None:
    assert {name for _, name in EACH} == set(SECRETS)


@pytest.mark.parametrize(("kind", "name"), EACH)
def test_each_secret_may_be_a_file(
    kind: type[EnvironmentSettings], name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    set_all(monkeypatch, needed_but(kind, name) | {f"WALLET_{name.upper()}_FILE": write(tmp_path, SECRETS[name])})
    assert getattr(read_as(kind), name).get_secret_value() == SECRETS[name]


@pytest.mark.parametrize(("kind", "name"), EACH)
def test_a_value_and_a_file_together_are_refused(
    kind: type[EnvironmentSettings], name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    variable = f"WALLET_{name.upper()}"
    given = {variable: SECRETS[name], f"{variable}_FILE": write(tmp_path, SECRETS[name])}
    set_all(monkeypatch, needed_but(kind, name) | given)
    with pytest.raises(ClickException, match=f"{variable} and {variable}_FILE are both set") as told:
        read_as(kind)
    assert "hunter2" not in told.value.message


@pytest.mark.parametrize("end", ["", "\n", "\r\n"])
def test_the_end_of_its_line_is_not_part_of_a_secret(end: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    secret = " hunter2" * 8 + "\n "
    set_all(monkeypatch, {"WALLET_API_DATABASE_URL": DSN, "WALLET_COOKIE_SECRET_FILE": write(tmp_path, secret + end)})
    found = read_as(ApiSettings).cookie_secret
    assert found is not None
    assert found.get_secret_value() == secret


@pytest.mark.parametrize(
    ("content", "told"),
    [
        ("", "is empty"),
        ("\n", "is empty"),
        ("hunter2\0", "holds a NUL"),
        (b"hunter2\xff", "is not UTF-8"),
        ("hunter2" * FILE_BYTES_MAX, "is larger than 65536 bytes"),
        (None, "cannot be read: No such file or directory"),
    ],
)
def test_a_file_that_holds_no_secret_is_told_by_its_name(
    content: str | bytes | None, told: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    file = str(tmp_path / "none") if content is None else write(tmp_path, content)
    monkeypatch.setenv("WALLET_DATABASE_URL_FILE", file)
    with pytest.raises(ClickException) as raised:
        read_as(Settings)
    assert f"WALLET_DATABASE_URL_FILE: {file} {told}" in raised.value.message
    assert "hunter2" not in raised.value.message


def test_a_variable_that_is_empty_is_not_set(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    set_all(monkeypatch, {"WALLET_DATABASE_URL": DSN, "WALLET_DATABASE_URL_FILE": ""})
    assert read_as(Settings).service_dsn == DSN
    set_all(monkeypatch, {"WALLET_DATABASE_URL": "", "WALLET_DATABASE_URL_FILE": write(tmp_path, DSN)})
    assert read_as(Settings).service_dsn == DSN


def test_a_command_does_not_look_for_a_stack_where_a_file_names_the_database(monkeypatch: pytest.MonkeyPatch) -> None:
    assert is_asked_for()
    monkeypatch.setenv("WALLET_DATABASE_URL_FILE", "somewhere")
    assert not is_asked_for()


def test_a_cookie_is_signed_with_the_secret_of_a_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("WALLET_COOKIE_SECRET_FILE", write(tmp_path, SECRETS["cookie_secret"]))
    signed = CliRunner().invoke(main, ["token", "--player", "1"])
    assert signed.output.startswith("wallet_session=")
    monkeypatch.setenv("WALLET_COOKIE_SECRET_FILE", str(tmp_path / "none"))
    assert "WALLET_COOKIE_SECRET_FILE" in CliRunner().invoke(main, ["token", "--player", "1"]).output


@pytest.mark.parametrize(
    ("variable", "value", "told"),
    [
        ("WALLET_DATABASE_URL", "postgresql:/wallet:hunter2@database/wallet", "must be a DSN as libpq takes it"),
        ("WALLET_DATABASE_URL", "postgresql://u:hunter2 more@database/x", "must be a DSN as libpq takes it"),
        ("WALLET_ADMIN_DATABASE_URL", "postgresql://u:hunter2%zz@database/x", "must be a DSN as libpq takes it"),
        ("WALLET_ADMIN_DATABASE_URL", "host=database password='hunter2", "must be a DSN as libpq takes it"),
        ("WALLET_DATABASE_URL", "postgresql://u:some@hunter2@database/x", "in a password, `@` and `/` are written"),
        ("WALLET_DATABASE_URL", "postgresql://u:1/hunter2@database/x", "in a password, `@` and `/` are written"),
        ("WALLET_DATABASE_URL", "postgres://hunter2/more@database:5432", "in a password, `@` and `/` are written"),
        ("WALLET_AMQP_URL", "http://u:hunter2@broker/", "is not amqp:// or amqps://"),
        ("WALLET_AMQP_URL", "amqp://u:hunter2/more@broker/", "is no URL"),
        ("WALLET_AMQP_URL", "amqp://u:2/hunter2@broker/", "is no URL"),
        ("WALLET_AMQP_URL", "amqp://u:hunter2#more@broker/", "is no URL"),
        ("WALLET_AMQP_URL", "amqp://u:hunter2[more@broker/", "is no URL"),
    ],
)
def test_an_address_that_cannot_be_read_is_told_without_its_password(
    variable: str, value: str, told: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    set_all(monkeypatch, {"WALLET_DATABASE_URL": DSN, variable: value})
    with pytest.raises(ClickException) as raised:
        read_as(Settings)
    assert f"{variable}: Value error, " in raised.value.message
    assert told in raised.value.message
    assert "hunter2" not in raised.value.message


@pytest.mark.parametrize(
    "dsn",
    [
        "postgresql://u:p%40p%2Fp@one:5432,two/database?sslmode=verify-full",
        "postgresql://u:p?p#p@[::1]/database",
        "postgres:///database?host=/var/run/postgresql&user=u&password=p@p",
        "postgresql://?user=u&password=p@p&host=/tmp",
        "host=database password=p@p/p://@/ user=u",
    ],
)
def test_an_at_sign_that_is_no_hosts_is_taken(dsn: str) -> None:
    check_dsn(dsn)


@pytest.mark.parametrize(
    "dsn", ["postgres//u:hunter2@database/x", "postgres://u:some@hunter2@database/x", "host=x password='hunter2"]
)
@pytest.mark.parametrize("is_option", [True, False])
def test_what_is_copied_from_is_told_without_its_password(
    dsn: str,
    is_option: bool,  # noqa: FBT001 an example's
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    set_all(monkeypatch, {"WALLET_ADMIN_DATABASE_URL": DSN, "WALLET_COPY_FROM_DATABASE_URL": dsn})
    refused = CliRunner().invoke(main, ["copy", *(["--from", dsn] if is_option else [])])
    assert (refused.exit_code, "hunter2" in refused.output) == (2, False), refused.output
    assert "Invalid value for '--from'" in refused.output


def test_files_for_tls_with_the_broker_belong_together(monkeypatch: pytest.MonkeyPatch) -> None:
    files = {"WALLET_AMQP_CERT_FILE": "cert.pem"}
    set_all(monkeypatch, {"WALLET_DATABASE_URL": DSN, "WALLET_AMQP_URL": "amqps://broker/"} | files)
    with pytest.raises(ClickException, match="WALLET_AMQP_CERT_FILE and WALLET_AMQP_KEY_FILE go together"):
        read_as(Settings)
    set_all(monkeypatch, {"WALLET_AMQP_KEY_FILE": "key.pem", "WALLET_AMQP_URL": "amqp://broker/"})
    with pytest.raises(ClickException, match="are for a WALLET_AMQP_URL of amqps://"):
        read_as(Settings)
