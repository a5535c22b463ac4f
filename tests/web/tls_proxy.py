"""A TLS proxy as docs/access.md asks for: it passes hosts and WebSockets on, and says itself who the client is."""

from __future__ import annotations

import asyncio
import datetime
import ssl
import threading
from contextlib import suppress
from pathlib import Path
from urllib.parse import urlsplit

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID


def write_certificate(folder: Path, name: str) -> Path:
    """Write a self-signed certificate with its key as one file."""
    key = ec.generate_private_key(ec.SECP256R1())
    subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])
    now = datetime.datetime.now(datetime.UTC)
    certificate = (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(subject)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - datetime.timedelta(hours=1))
        .not_valid_after(now + datetime.timedelta(hours=1))
        .add_extension(x509.SubjectAlternativeName([x509.DNSName(name)]), critical=False)
        .sign(key, hashes.SHA256())
    )
    private = key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
    file = folder / "proxy.pem"
    file.write_bytes(private + certificate.public_bytes(serialization.Encoding.PEM))
    return file


class TlsProxy:
    """Forwards one request or one WebSocket a connection, until it is stopped."""

    def __init__(self, certificate: Path, client: str = "192.0.2.7") -> None:
        self.backend = ""
        """Address of the server; may be set after the proxy has begun to listen."""
        self.client = client
        """Whom it says everybody is, since all tests come from one address."""
        self.port = 0
        self._context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
        self._context.load_cert_chain(certificate)
        self._loop = asyncio.new_event_loop()
        self._listens = threading.Event()
        self._thread = threading.Thread(target=self._run, daemon=True)

    def __enter__(self) -> TlsProxy:
        self._thread.start()
        assert self._listens.wait(10)
        return self

    def __exit__(self, *_: object) -> None:
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join(10)

    def _run(self) -> None:
        asyncio.set_event_loop(self._loop)
        server = self._loop.run_until_complete(
            asyncio.start_server(self._forward, "127.0.0.1", self.port, ssl=self._context)
        )
        self.port = server.sockets[0].getsockname()[1]
        self._listens.set()
        self._loop.run_forever()

    async def _forward(self, client: asyncio.StreamReader, answer: asyncio.StreamWriter) -> None:
        with suppress(OSError, asyncio.IncompleteReadError):
            head = (await client.readuntil(b"\r\n\r\n")).decode("latin-1").split("\r\n")
            is_socket = any(line.lower().startswith("upgrade:") for line in head)
            dropped = ("x-forwarded-", "forwarded:", *([] if is_socket else ["connection:"]))
            kept = [line for line in head[:-2] if not line.lower().startswith(dropped)]
            kept += [f"X-Forwarded-For: {self.client}", "X-Forwarded-Proto: https"]
            kept += [] if is_socket else ["Connection: close"]
            at = urlsplit(self.backend)
            server, request = await asyncio.open_connection(at.hostname, at.port)
            request.write("\r\n".join([*kept, "", ""]).encode("latin-1"))
            await asyncio.gather(_pipe(client, request), _pipe(server, answer))


async def _pipe(source: asyncio.StreamReader, target: asyncio.StreamWriter) -> None:
    with suppress(OSError):
        while data := await source.read(65536):
            target.write(data)
            await target.drain()
    with suppress(OSError):
        target.close()
