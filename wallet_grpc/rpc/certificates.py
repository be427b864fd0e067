"""The certificate that the server shows: read again when its files change, without a restart.

New connections get the new one; connections that are open keep theirs until they age. Files that cannot be used are
told, once for each state of theirs, and what was served before stays.
"""

from __future__ import annotations

import grpc
import structlog

from wallet_grpc.tls_files import TlsFiles, TlsMaterial, UnusableTlsFilesError

_log = structlog.get_logger(__name__)


class ServedCertificate:
    """What new connections are shown."""

    def __init__(self, files: TlsFiles) -> None:
        """Read the files for the first time.

        Raises:
            UnusableTlsFilesError: They cannot be used.
        """
        self._files = files.followed()
        self._given = self._files.content
        """What gRPC has taken, or will not have again."""

    def credentials(self) -> grpc.ServerCredentials:
        """Give the credentials of the port."""
        return grpc.dynamic_ssl_server_credentials(
            _configuration(self._files.content),
            self._changed,  # type: ignore[arg-type] # None means no change, which the stubs do not know
            require_client_authentication=self._given.client_ca is not None,
        )

    def look(self) -> None:
        """Read the files if they are not as they were read last."""
        try:
            if self._files.look():
                _log.info("tls_files_read", not_after=self._files.content.not_after.isoformat())
        except UnusableTlsFilesError as error:
            _log.error("tls_files_unusable", problem=str(error), hint="what was served before stays")

    def _changed(self) -> grpc.ServerCertificateConfiguration | None:
        """Give what is new, if anything is. gRPC asks at each handshake, in a thread of its own."""
        material = self._files.content
        if material is self._given:
            return None
        self._given = material
        return _configuration(material)


def _configuration(material: TlsMaterial) -> grpc.ServerCertificateConfiguration:
    return grpc.ssl_server_certificate_configuration(
        [(material.key, material.chain)], root_certificates=material.client_ca
    )
