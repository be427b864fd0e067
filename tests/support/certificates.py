"""Throw-away certificates for TLS tests, made by openssl."""

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


def make_authority(folder: Path, name: str) -> Certificate:
    made = Certificate(cert_file=folder / f"{name}.crt", key_file=folder / f"{name}.key.pem")
    subject = ("-subj", f"/CN={name}", "-addext", "basicConstraints=critical,CA:TRUE")
    _openssl("req", "-x509", *_new_key(made), "-out", str(made.cert_file), "-days", "2", *subject)
    return made


def make_certificate(folder: Path, name: str, authority: Certificate) -> Certificate:
    """Make a certificate for 127.0.0.1, for servers and clients, signed by an authority."""
    made = Certificate(cert_file=folder / f"{name}.crt", key_file=folder / f"{name}.key.pem")
    request, extensions = folder / f"{name}.csr", folder / f"{name}.ext"
    extensions.write_text("subjectAltName=IP:127.0.0.1,DNS:localhost\nextendedKeyUsage=serverAuth,clientAuth\n")
    _openssl("req", *_new_key(made), "-out", str(request), "-subj", f"/CN={name}")
    signer = ("-CA", str(authority.cert_file), "-CAkey", str(authority.key_file), "-CAcreateserial")
    _openssl(
        *("x509", "-req", "-in", str(request), *signer, "-days", "2"),
        *("-extfile", str(extensions), "-out", str(made.cert_file)),
    )
    return made


def _new_key(certificate: Certificate) -> tuple[str, ...]:
    return ("-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes", "-keyout", str(certificate.key_file))


def _openssl(*arguments: str) -> None:
    subprocess.run(["openssl", *arguments], check=True, capture_output=True)
