"""An S3 server on the loopback interface, which can be told to fail."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from typing import Any

CREDENTIALS = {
    "AWS_ACCESS_KEY_ID": "testing",
    "AWS_SECRET_ACCESS_KEY": "a-secret-that-no-sentence-tells",
    "AWS_DEFAULT_REGION": "us-east-1",
    "AWS_EC2_METADATA_DISABLED": "true",  # or whoever lacks credentials asks an address of the cloud's for them
}


@dataclass
class ObjectStore:
    """A server whose objects outlive its stop, since they are this process's."""

    port: int = 0
    """0 = any free one, until it has started."""
    requests: list[str] = field(default_factory=list)
    """Methods of the requests that came."""
    answers: int = 0
    """How many of them have been dealt with, be it that their client is gone."""
    faults: list[tuple[str, str]] = field(default_factory=list)
    """Status line and S3 code of the next answers, given instead of serving."""
    on_request: Callable[[str], None] = lambda method: None
    """Called with every request's method before any of its body is read."""
    _server: Any = None

    @property
    def endpoint(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    @property
    def environment(self) -> dict[str, str]:
        """What a client must find in its environment."""
        return {**CREDENTIALS, "AWS_ENDPOINT_URL": self.endpoint}

    def start(self) -> None:
        from moto.moto_server.werkzeug_app import DomainDispatcherApplication, MotoRequestHandler, create_backend_app
        from werkzeug.serving import make_server

        application = self._failing(DomainDispatcherApplication(create_backend_app))
        self._server = make_server(
            "127.0.0.1", self.port, application, True, request_handler=_quiet(MotoRequestHandler)
        )
        self.port = self._server.server_port
        threading.Thread(target=self._server.serve_forever, args=(0.05,), daemon=True).start()

    def stop(self) -> None:
        self._server.shutdown()
        self._server.server_close()

    def client(self) -> Any:
        """Give a client that knows nothing of what is tested."""
        import boto3

        return boto3.client(
            "s3",
            endpoint_url=self.endpoint,
            region_name="us-east-1",
            aws_access_key_id="testing",
            aws_secret_access_key="testing",
        )

    def make_bucket(self, name: str) -> str:
        """Make a bucket and give its URL."""
        self.client().create_bucket(Bucket=name)
        self.requests.clear()
        return f"s3://{name}"

    def _failing(self, application: Any) -> Callable[[dict[str, Any], Any], Iterable[bytes]]:
        def answer(environ: dict[str, Any], start_response: Any) -> Iterable[bytes]:
            self.requests.append(environ["REQUEST_METHOD"])
            self.on_request(environ["REQUEST_METHOD"])
            try:
                if not self.faults:
                    return [*application(environ, start_response)]
                status, code = self.faults.pop(0)
                environ["wsgi.input"].read(int(environ.get("CONTENT_LENGTH") or 0))
                start_response(status, [("Content-Type", "application/xml")])
                return [f"<?xml version='1.0'?><Error><Code>{code}</Code><Message>Not now</Message></Error>".encode()]
            finally:
                self.answers += 1

        return answer


def _quiet(handler: type) -> type:
    return type("Quiet", (handler,), {"log_request": lambda *_: None})
