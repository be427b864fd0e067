"""TLS files: a certificate, its key and a CA, read from where they are mounted, checked, and told apart when replaced.

A pair that does not fit together must never reach what serves or connects: it is found out here, and told by the file's
name, never by its content.
"""

from __future__ import annotations

import ssl
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from .followed_files import FollowedFiles
from .secret_files import content_of

FILE_BYTES_MAX = 1_048_576


class UnusableTlsFilesError(Exception):
    """A certificate, a key or a CA cannot be used; the message says which file, and why."""


@dataclass(frozen=True, slots=True, kw_only=True)
class TlsMaterial:
    """What the files held when they were read, PEM."""

    chain: bytes
    key: bytes
    client_ca: bytes | None
    not_after: datetime
    """When the first certificate of the chain, or one above it, ceases to be good: the earliest."""


@dataclass(frozen=True, slots=True, kw_only=True)
class TlsFiles:
    """What a server shows, and the CA of the clients that it lets in, if it asks for certificates."""

    cert_file: Path
    key_file: Path
    client_ca_file: Path | None

    def followed(self) -> FollowedFiles[TlsMaterial]:
        """Read the files, to be read again when they change.

        Raises:
            UnusableTlsFilesError: They cannot be served together; so does each look.
        """
        files = (self.cert_file, self.key_file, self.client_ca_file)
        return FollowedFiles((file for file in files if file is not None), self.read)

    def read(self) -> TlsMaterial:
        """Read the files, and see that they can be served together.

        Raises:
            UnusableTlsFilesError: They cannot.
        """
        from cryptography import x509  # late: a process without TLS starts without it
        from cryptography.exceptions import UnsupportedAlgorithm
        from cryptography.hazmat.primitives.serialization import load_pem_private_key

        chain, key = _content_of(self.cert_file), _content_of(self.key_file)
        client_ca = None if self.client_ca_file is None else _content_of(self.client_ca_file)
        try:
            certificates = x509.load_pem_x509_certificates(chain)
            certified_key = certificates[0].public_key()
        except ValueError:
            raise UnusableTlsFilesError(f"{self.cert_file} holds no certificate in PEM") from None
        except UnsupportedAlgorithm:
            raise UnusableTlsFilesError(f"{self.cert_file} is of a key of a kind that is not served") from None
        try:
            public_key = load_pem_private_key(key, password=None).public_key()
        except (ValueError, TypeError):  # TypeError: it is encrypted
            raise UnusableTlsFilesError(f"{self.key_file} holds no private key in PEM without a password") from None
        except UnsupportedAlgorithm:
            raise UnusableTlsFilesError(f"{self.key_file} is a key of a kind that is not served") from None
        if public_key != certified_key:
            raise UnusableTlsFilesError(f"{self.key_file} is not the key of the certificate in {self.cert_file}")
        if client_ca is not None:
            try:
                x509.load_pem_x509_certificates(client_ca)
            except ValueError:
                raise UnusableTlsFilesError(f"{self.client_ca_file} holds no certificate in PEM") from None
        not_after = min(certificate.not_valid_after_utc for certificate in certificates)
        return TlsMaterial(chain=chain, key=key, client_ca=client_ca, not_after=not_after)


def client_context(*, ca_file: Path | None, cert_file: Path | None, key_file: Path | None) -> ssl.SSLContext:
    """Make what a client connects with: a CA of its own instead of the system's, and a certificate to show.

    Raises:
        UnusableTlsFilesError: A file cannot be used.
    """
    try:
        context = ssl.create_default_context(cafile=ca_file)
    except OSError as error:  # ssl.SSLError is one
        raise UnusableTlsFilesError(f"{ca_file} cannot be used as a CA: {error.strerror}") from None
    if cert_file is not None and key_file is not None:
        try:
            context.load_cert_chain(cert_file, key_file, password=_refuse_to_ask)
        except (OSError, ValueError) as error:
            why = error.strerror if isinstance(error, OSError) else "the key has a password"
            raise UnusableTlsFilesError(f"{cert_file} and {key_file} cannot be used together: {why}") from None
    return context


def _refuse_to_ask() -> str:
    raise ValueError


def _content_of(path: Path) -> bytes:
    try:
        return content_of(path, bytes_max=FILE_BYTES_MAX)
    except ValueError as error:
        raise UnusableTlsFilesError(str(error)) from None
