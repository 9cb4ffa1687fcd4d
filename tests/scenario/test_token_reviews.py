"""A real Region that asks an API server about the tokens of pods: the first call of a token is repeated by the client, and a deleted pod is
refused on a connection that exists."""

from __future__ import annotations

import time
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest
from tests.deployment import HOME, Deployment
from tests.identity_tokens import AUDIENCE, Issuer
from tests.token_review_server import GONE, SUBJECT, ApiServer, api_server

from meridian.cli.private_files import write_private
from meridian.client import Client, errors

pytestmark = pytest.mark.deep
CLUSTER = Issuer(issuer="https://kubernetes.default.svc.cluster.local")
SECONDS = 10
"""How long an answer counts, at least."""


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ApiServer]:
    with api_server(tmp_path_factory.mktemp("cluster")) as made:
        yield made


@pytest.fixture(scope="module")
def region(tmp_path_factory: pytest.TempPathFactory, server: ApiServer) -> Iterator[Deployment]:
    deployment = Deployment(tmp_path_factory.mktemp("reviews"), [HOME]).prepare()
    files = {"keys.json": CLUSTER.key_set(), "cluster.pem": server.authority.encode(), "shown": b"of-a-test"}
    for name, data in files.items():
        write_private(deployment.root / name, data)
    path: Path = deployment.root / "principals.toml"
    added = (
        f'\n[[issuers]]\nissuer = "{CLUSTER.issuer}"\naudiences = ["{AUDIENCE}"]\nalgorithms = ["ES256"]\n'
        f'key_set_file = "keys.json"\nca_file = "cluster.pem"\nbearer_token_file = "shown"\n'
        f'review_url = "{server.url}"\nreview_seconds = {SECONDS}\n'
        f'[[token_rules]]\nissuer = "{CLUSTER.issuer}"\nclaims.sub = "system:serviceaccount:shop:{{name}}"\nkind = "User"\n'
        'account = "111122223333"\nname = "{name}"\ngroups = ["key-users"]\n'
    )
    write_private(path, (path.read_text() + added).encode())
    with deployment.serving():
        yield deployment


def test_a_pod_calls_until_it_is_deleted(region: Deployment, server: ApiServer) -> None:
    with region.client() as alice:
        key_id = alice.create_key().key_metadata.key_id
    pod = replace(region.endpoint(HOME, "transport"), token=CLUSTER.token(sub=SUBJECT))
    with Client(pod) as client:
        blob = client.encrypt(key_id=key_id, plaintext=b"x", timeout=20).ciphertext_blob
        assert client.decrypt(ciphertext_blob=blob).plaintext == b"x"
        assert len(server.asked) == 1
        assert server.asked[0][1] == "Bearer of-a-test"
        server.status = GONE
        until = time.monotonic() + 4 * SECONDS
        with pytest.raises(errors.UnrecognizedClientException):
            while time.monotonic() < until:
                client.decrypt(ciphertext_blob=blob, timeout=20)
                time.sleep(0.2)
    told = region.metrics(HOME)
    assert told[f'meridian_token_reviews_total{{issuer="{CLUSTER.issuer}",outcome="good"}}'] == 1
    assert told[f'meridian_token_reviews_total{{issuer="{CLUSTER.issuer}",outcome="refused"}}'] >= 1


def test_a_token_that_nobody_believes_is_not_shown_to_the_api_server(region: Deployment, server: ApiServer) -> None:
    asked = len(server.asked)
    stranger = Issuer(issuer=CLUSTER.issuer).token(sub=SUBJECT)
    with Client(replace(region.endpoint(HOME, "transport"), token=stranger)) as client, pytest.raises(errors.UnrecognizedClientException):
        client.list_keys()
    assert len(server.asked) == asked
