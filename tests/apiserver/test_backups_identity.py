"""Backups in a bucket as Amazon's: with its name before the host, and with a pod's own identity."""

from __future__ import annotations

import ssl
import threading
from contextlib import contextmanager
from dataclasses import replace
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import TYPE_CHECKING
from urllib.parse import parse_qs, urlsplit

from controller.protocol.settings import Reason
from deploy.local.pki import Authority
from tests.backup_site import HOSTS, Site
from tests.s3_servers import ACCESS, BUCKET, NAME, SECRET, serving

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from controller.protocol.settings import S3Repository
    from tests.s3_servers import S3

STS, STS_ADDRESS = "sts.amazonaws.com", ("127.0.0.2", 443)
"""pgBackRest asks this one, whatever the endpoint is."""
ROLE, TOKEN, TOKEN_FILE = "arn:aws:iam::1:role/orders", "a-token-of-the-pod", "/etc/keddah/token"
IDENTITY = {"AWS_ROLE_ARN": ROLE, "AWS_WEB_IDENTITY_TOKEN_FILE": TOKEN_FILE}
ANSWER = f"""<AssumeRoleWithWebIdentityResponse><AssumeRoleWithWebIdentityResult><Credentials>
<AccessKeyId>{ACCESS}</AccessKeyId><SecretAccessKey>{SECRET}</SecretAccessKey><SessionToken>session</SessionToken>
<Expiration>2099-01-01T00:00:00Z</Expiration>
</Credentials></AssumeRoleWithWebIdentityResult></AssumeRoleWithWebIdentityResponse>"""

DENIED = "<ErrorResponse><Error><Code>AccessDenied</Code></Error></ErrorResponse>"


class TokenService(BaseHTTPRequestHandler):
    """Gives the bucket's credentials to whoever shows the token, as AWS' security token service does."""

    def do_GET(self) -> None:
        """Answer AssumeRoleWithWebIdentity."""
        asked = {name: values[0] for name, values in parse_qs(urlsplit(self.path).query).items()}
        known = (asked.get("RoleArn"), asked.get("WebIdentityToken")) == (ROLE, TOKEN)
        content = (
            ANSWER if known else "<ErrorResponse><Error><Code>AccessDenied</Code></Error></ErrorResponse>"
        )
        self.send_response(200 if known else 403)
        self.send_header("Content-Length", str(len(content.encode())))
        self.end_headers()
        self.wfile.write(content.encode())

    def log_message(self, *_: object) -> None:
        """Say nothing."""


@contextmanager
def token_service(folder: Path) -> Iterator[Authority]:
    """Have the service run, and give the authority of its certificate."""
    authority = Authority(folder, "token-ca")
    pair = authority.issue("sts", STS, serves=[STS])
    server = ThreadingHTTPServer(STS_ADDRESS, TokenService)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(pair.certificate, pair.key)
    server.socket = context.wrap_socket(server.socket, server_side=True)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    try:
        yield authority
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


def site_of(server: S3, repository: S3Repository, root: Path, folder: Path) -> Site:
    made = Site(root, folder, repository, secrets=server.secrets())
    for machine in (made.member, made.job):
        machine.resolve({**HOSTS, f"{BUCKET}.{NAME}": "127.0.0.1", STS: STS_ADDRESS[0]})
    return made


def test_the_name_of_a_bucket_before_the_host(database_root: Path, s3_servers: Path, tmp_path: Path) -> None:
    with serving("versitygw", s3_servers, tmp_path / "s3", virtual=True) as server:
        repository = replace(server.repository(), addressing="VirtualHost")
        site = site_of(server, repository, database_root, tmp_path / "site")
        with site.running():
            result = site.back_up()
            assert result.reason == "", result.message
            site.database.archived()


def test_a_pods_identity_instead_of_a_secret(database_root: Path, s3_servers: Path, tmp_path: Path) -> None:
    with (
        serving("gofakes3", s3_servers, tmp_path / "s3") as server,  # versitygw knows no session tokens
        token_service(tmp_path / "sts") as authority,
    ):
        site = site_of(server, replace(server.repository(), credentials=""), database_root, tmp_path / "site")
        # The token service is trusted by the same authorities as the bucket's server.
        trusted = [each.pair.certificate.read_text() for each in (server.ca, authority)]
        site.configure({"backup/s3/ca.crt": "".join(trusted)})
        for machine in (site.member, site.job):
            machine.mount("token", TOKEN)
            machine.environment |= IDENTITY
        with site.serving(site.member, "member"):
            # As Patroni starts it: without the pod's identity.
            site.member.environment = {}
            site.database.create()
            with site.database.running():
                result = site.back_up()
                assert result.reason == "", result.message
                site.database.archived()
                site.job.mount("token", "of another pod")
                assert site.back_up().reason == Reason.CREDENTIALS_REFUSED
