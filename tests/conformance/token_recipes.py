"""How each declared error of key stores in hardware tokens is provoked, on a Region whose settings name tokens with a fault each."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

from tests.conformance.good_requests import Things
from tests.conformance.troubled_regions import Regions
from tests.deployment import HOME, Deployment
from tests.tokens import PIN, new_token

from meridian.kms.v1 import types_pb2 as t

Recipe = Callable[[Regions, str], tuple[Things, dict[str, Any]]]

ANCHOR, OTHER_ANCHOR = (f"-----BEGIN CERTIFICATE-----\nMIIB{text}\n-----END CERTIFICATE-----\n" for text in ("test", "other"))
WORDS = ("goodaaaaaaa", "weakaaaaaaa", "removedaaaa", "brokenaaaaa", "unrelatedaa")
GOOD, WEAK, REMOVED, BROKEN, UNRELATED = (f"cluster-{word}" for word in WORDS)
UNKNOWN = "cluster-nobodyaaaaa"
ORIGIN = t.ORIGIN_TYPE_AWS_CLOUDHSM


class TokenRegion:
    """A Region beside tokens: one is good, one loses AES-GCM once it is connected, one is removed, one has no library."""

    def __init__(self, folder: Path, deployment: Deployment) -> None:
        self._tokens = {name: new_token(folder / name, name) for name in (GOOD, WEAK, REMOVED)}
        self._tokens[REMOVED].say("removed")
        for name, text in (("anchor", ANCHOR), ("other-anchor", OTHER_ANCHOR)):
            (folder / f"{name}.pem").write_text(text)
        libraries = {name: (token.module, "anchor") for name, token in self._tokens.items()}
        libraries |= {BROKEN: (folder / "anchor.pem", "anchor"), UNRELATED: (folder / "other-anchor.pem", "other-anchor")}
        path = deployment.place(HOME).settings
        tables = [
            f'[key_store_tokens.{name}]\nmodule = "{module}"\ntoken = "{name}"\naccount = "111122223333"\n'
            f'trust_anchor = "{folder}/{anchor}.pem"\n'
            for name, (module, anchor) in libraries.items()
        ]
        path.write_text(path.read_text() + "".join(tables))
        deployment.start()
        self.things = Things(deployment, folder)
        self.store = self._new(GOOD)
        self.weak_store = self._new(WEAK)
        self.things.in_state(self.weak_store, t.CONNECTION_STATE_TYPE_CONNECTED)
        self._tokens[WEAK].say("no-gcm")

    def _new(self, cluster: str) -> str:
        return str(self.things.client.create_custom_key_store(**described(cluster)).custom_key_store_id)


def described(cluster: str, **changed: Any) -> dict[str, Any]:
    """A whole request for a key store in this cluster."""
    return {
        "custom_key_store_name": f"in-{cluster}",
        "custom_key_store_type": t.CUSTOM_KEY_STORE_TYPE_AWS_CLOUDHSM,
        "cloud_hsm_cluster_id": cluster,
        "key_store_password": PIN,
        "trust_anchor_certificate": ANCHOR,
        **changed,
    }


def beside_tokens(fields: Callable[[TokenRegion], dict[str, Any]]) -> Recipe:
    """A request on the Region beside tokens."""

    def recipe(regions: Regions, name: str) -> tuple[Things, dict[str, Any]]:
        region: TokenRegion = regions.beside_tokens(TokenRegion)
        return region.things, fields(region)

    return recipe


def _created(**changed: Any) -> Recipe:
    return beside_tokens(lambda region: described(**{"cluster": GOOD, "custom_key_store_name": "another", **changed}))


def _moved(cluster: str) -> Recipe:
    return beside_tokens(lambda region: {"custom_key_store_id": region.store, "cloud_hsm_cluster_id": cluster})


OF_TOKENS: dict[tuple[str, str], Recipe] = {
    ("CreateCustomKeyStore", "CloudHsmClusterInUseException"): _created(),
    ("CreateCustomKeyStore", "CloudHsmClusterNotFoundException"): _created(cluster=UNKNOWN),
    ("CreateCustomKeyStore", "CloudHsmClusterNotActiveException"): _created(cluster=REMOVED),
    ("CreateCustomKeyStore", "CloudHsmClusterInvalidConfigurationException"): _created(cluster=BROKEN),
    ("CreateCustomKeyStore", "IncorrectTrustAnchorException"): _created(cluster=REMOVED, trust_anchor_certificate=OTHER_ANCHOR),
    ("UpdateCustomKeyStore", "CloudHsmClusterNotFoundException"): _moved(UNKNOWN),
    ("UpdateCustomKeyStore", "CloudHsmClusterNotActiveException"): _moved(REMOVED),
    ("UpdateCustomKeyStore", "CloudHsmClusterInvalidConfigurationException"): _moved(BROKEN),
    ("UpdateCustomKeyStore", "CloudHsmClusterNotRelatedException"): _moved(UNRELATED),
    ("CreateKey", "CloudHsmClusterInvalidConfigurationException"): beside_tokens(
        lambda region: {"origin": ORIGIN, "custom_key_store_id": region.weak_store}
    ),
    ("GenerateRandom", "CustomKeyStoreInvalidStateException"): beside_tokens(
        lambda region: {"number_of_bytes": 8, "custom_key_store_id": region.store}
    ),
}
"""THE table of them."""
