"""Throw-away certificates for TLS tests, made by openssl."""

import shutil
import subprocess
from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True, slots=True, kw_only=True)
class Certificate:
    """A certificate and its private key, PEM."""

    cert_file: Path
    key_file: Path

    @property
    def chain(self) -> bytes:
        return self.cert_file.read_bytes()

    @property
    def key(self) -> bytes:
        return self.key_file.read_bytes()


class Mounted:
    """Certificate, key and CA as they are mounted: a link to a folder, which is switched to another one."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._link = folder / "current"
        self._versions = 0
        self.files = Certificate(cert_file=self._link / "tls.crt", key_file=self._link / "tls.key")
        self.ca_file = self._link / "ca.crt"

    def show(self, cert: Path, key: Path, ca: Path) -> None:
        self._versions += 1
        version = self._folder / f"version-{self._versions}"
        version.mkdir()
        for source, name in ((cert, "tls.crt"), (key, "tls.key"), (ca, "ca.crt")):
            shutil.copy(source, version / name)
        made = self._folder / "made"
        made.symlink_to(version)
        made.rename(self._link)


def make_authority(folder: Path, name: str) -> Certificate:
    made = Certificate(cert_file=folder / f"{name}.crt", key_file=folder / f"{name}.key.pem")
    subject = ("-subj", f"/CN={name}", "-addext", "basicConstraints=critical,CA:TRUE")
    _openssl("req", "-x509", *_new_key(made), "-out", str(made.cert_file), "-days", "2", *subject)
    return made


def make_certificate(folder: Path, name: str, authority: Certificate, *, curve: str = "prime256v1") -> Certificate:
    """Make a certificate for 127.0.0.1, for servers and clients, signed by an authority."""
    made = Certificate(cert_file=folder / f"{name}.crt", key_file=folder / f"{name}.key.pem")
    request, extensions = folder / f"{name}.csr", folder / f"{name}.ext"
    extensions.write_text("subjectAltName=IP:127.0.0.1,DNS:localhost\nextendedKeyUsage=serverAuth,clientAuth\n")
    _openssl("req", *_new_key(made, curve), "-out", str(request), "-subj", f"/CN={name}")
    signer = ("-CA", str(authority.cert_file), "-CAkey", str(authority.key_file), "-CAcreateserial")
    _openssl(
        *("x509", "-req", "-in", str(request), *signer, "-days", "2"),
        *("-extfile", str(extensions), "-out", str(made.cert_file)),
    )
    return made


def _new_key(certificate: Certificate, curve: str = "prime256v1") -> tuple[str, ...]:
    return ("-newkey", "ec", "-pkeyopt", f"ec_paramgen_curve:{curve}", "-nodes", "-keyout", str(certificate.key_file))


def _openssl(*arguments: str) -> None:
    subprocess.run(["openssl", *arguments], check=True, capture_output=True)
