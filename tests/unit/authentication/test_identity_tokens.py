"""THE matrix of tokens: what is believed, and each way in which one is not; the issuer's rules decide and never the token's header."""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from hashlib import sha256
from typing import Any

import pytest
from tests.identity_tokens import AUDIENCE, ISSUER, Issuer, Signer, part

from meridian.authentication.identity_tokens import TOKEN_CHARACTERS_MAX, IdentityTokens
from meridian.crypto.signed_tokens import KeySet, read_key_set
from meridian.domain.claim_patterns import ClaimPattern, NameTemplate
from meridian.domain.principal import Principal
from meridian.domain.token_rules import ClaimTest, ClaimTests, TokenIssuer, TokenMapping, TokenRule
from meridian.errors import DependencyTimeoutException, ExpiredTokenException, KmsError, UnrecognizedClientException
from meridian.ports.key_sets import SigningKey

NOW = datetime(2026, 11, 1, 12, tzinfo=UTC)
IDP = Issuer(now=NOW.timestamp)
STRANGER = Issuer(now=NOW.timestamp)
RSA = Issuer(algorithm="RS256", now=NOW.timestamp)
CLUSTER = "https://kubernetes.default.svc"
POD = {
    "namespace": "shop",
    "pod": {"name": "cart-1", "uid": "6f1c"},
    "serviceaccount": {"name": "cart", "uid": "77aa"},
}
ACCOUNT = "system:serviceaccount:shop:cart"


def rule(issuer: str, claim: str, pattern: str) -> TokenRule:
    tests = ClaimTests(issuer, (ClaimTest((claim,), ClaimPattern(pattern)),))
    return TokenRule(tests, Principal("User", "111122223333", "", ""), NameTemplate("{name}", ["name"]), "arn:", (), None)


def mapping(**changed: Any) -> TokenMapping:
    trusted = {"audiences": frozenset({AUDIENCE, "kms"}), "algorithms": ("ES256",), "life_seconds_max": 3600, "pod_bound": False, **changed}
    idp = TokenIssuer(issuer=ISSUER, **trusted)
    cluster = TokenIssuer(CLUSTER, frozenset({AUDIENCE}), ("ES256",), 3607, pod_bound=True)
    rules = (rule(ISSUER, "sub", "{name}"), rule(CLUSTER, "sub", "system:serviceaccount:shop:{name}"))
    return TokenMapping({ISSUER: idp, CLUSTER: cluster}, rules, {})


class Here:
    """Stands for the principals and the key sets."""

    def __init__(self, rules: TokenMapping, keys: KeySet) -> None:
        self.mapping = rules
        self.keys = keys
        self.is_away = False

    def find(self, issuer: str, kid: str, algorithm: str) -> SigningKey:
        found = self.keys.find(kid, algorithm)
        if self.is_away:
            raise DependencyTimeoutException("later")
        if found is None:
            raise UnrecognizedClientException(reason="no such key")
        return found


def here(signer: Signer | None = None, **changed: Any) -> Any:
    return Here(mapping(**changed), read_key_set(json.dumps({"keys": [(signer or IDP.signer).public()]}).encode()))


def principal(token: str, place: Any = None, now: datetime = NOW) -> Principal:
    place = place or here()
    return IdentityTokens(place, place, place).authenticate(token, now)


GOOD: dict[str, Callable[[], str]] = {
    "as it should be": lambda: IDP.token(),
    "for several": lambda: IDP.token(aud=["x", "kms"]),
    "begun within the skew": lambda: IDP.token(iat=int(NOW.timestamp()) + 50),
    "ended within the skew": lambda: IDP.token(iat=int(NOW.timestamp()) - 600, exp=int(NOW.timestamp()) - 50),
    "of a whole hour": lambda: IDP.token(exp=int(NOW.timestamp()) + 3600),
    "with moments that have fractions": lambda: IDP.token(iat=NOW.timestamp() + 0.5, exp=NOW.timestamp() + 60.5),
    "of a type that RFC 9068 names": lambda: IDP.token({"typ": "at+jwt"}),
    "of no type": lambda: IDP.token({"typ": None}),
    "with keys of its own in the header": lambda: IDP.token(
        {"jwk": STRANGER.signer.public(), "jku": "https://evil/x", "x5u": "https://evil"}
    ),
}


@pytest.mark.parametrize("case", GOOD)
def test_a_good_token_names_its_holder(case: str) -> None:
    found = principal(GOOD[case]())
    assert (found.name, found.method, found.subject) == ("ann", "identity_token", f"{ISSUER} ann")


def at(**moments: float) -> Callable[[], str]:
    changed: Any = {name: int(NOW.timestamp() + seconds) for name, seconds in moments.items()}
    return lambda: IDP.token(**changed)


def changed(position: int) -> Callable[[], str]:
    """A good token, one character of a part of which is another."""

    def make() -> str:
        parts = IDP.token().split(".")
        piece = parts[position]
        parts[position] = piece[:10] + ("A" if piece[10] != "A" else "B") + piece[11:]
        return ".".join(parts)

    return make


def twice(name: str) -> Callable[[], str]:
    """A signed payload in which a claim is given twice."""

    def make() -> str:
        text = json.dumps(IDP.claims())
        return IDP.signed(f"{{{json.dumps(name)}: {json.dumps(IDP.claims()[name])}, {text[1:]}".encode())

    return make


BAD: dict[str, tuple[Callable[[], str], type[KmsError], str]] = {
    "expired": (at(iat=-700, exp=-61), ExpiredTokenException, "has expired"),
    "not yet valid": (at(nbf=61), UnrecognizedClientException, "not yet valid"),
    "issued tomorrow": (at(iat=61, exp=600), UnrecognizedClientException, "not yet valid"),
    "lives too long": (at(iat=0, exp=3601), UnrecognizedClientException, "lives longer"),
    "ends before it begins": (at(iat=0, exp=-1), UnrecognizedClientException, "or not at all"),
    "without an end": (lambda: IDP.token(exp=None), UnrecognizedClientException, "until when"),
    "without a beginning": (lambda: IDP.token(iat=None), UnrecognizedClientException, "until when"),
    "an end that is text": (lambda: IDP.token(exp="2026"), UnrecognizedClientException, "exp is no moment"),
    "an end that is true": (lambda: IDP.token(exp=True), UnrecognizedClientException, "exp is no moment"),
    "an end beyond dates": (lambda: IDP.token(exp=1e300), UnrecognizedClientException, "exp is no moment"),
    "another audience": (lambda: IDP.token(aud="somebody"), UnrecognizedClientException, "meant for somebody else"),
    "an audience alike": (lambda: IDP.token(aud="Meridian"), UnrecognizedClientException, "meant for somebody else"),
    "no audience": (lambda: IDP.token(aud=None), UnrecognizedClientException, "meant for somebody else"),
    "audiences that are none": (lambda: IDP.token(aud=[AUDIENCE, 7]), UnrecognizedClientException, "meant for somebody else"),
    "too many audiences": (lambda: IDP.token(aud=[AUDIENCE] * 33), UnrecognizedClientException, "meant for somebody else"),
    "another issuer": (lambda: IDP.token(iss="https://evil.example.com"), UnrecognizedClientException, "no issuer that is believed"),
    "an issuer with a slash more": (lambda: IDP.token(iss=f"{ISSUER}/"), UnrecognizedClientException, "no issuer that is believed"),
    "no issuer": (lambda: IDP.token(iss=None), UnrecognizedClientException, "no issuer that is believed"),
    "an issuer that is a list": (lambda: IDP.token(iss=[ISSUER]), UnrecognizedClientException, "no issuer that is believed"),
    "no subject": (lambda: IDP.token(sub=None), UnrecognizedClientException, "sub is no text"),
    "an empty subject": (lambda: IDP.token(sub=""), UnrecognizedClientException, "sub is no text"),
    "a long subject": (lambda: IDP.token(sub="a" * 513), UnrecognizedClientException, "sub is no text"),
    "a subject with a line": (lambda: IDP.token(sub="ann\nbob"), UnrecognizedClientException, "sub is no text"),
    "a subject that nobody knows": (lambda: IDP.token(sub="group/ann"), UnrecognizedClientException, "no rule names the holder"),
    "alg none": (IDP.unsigned, UnrecognizedClientException, "algorithm is none of this issuer"),
    "alg HS256 with the public key": (IDP.signed_with_public_key, UnrecognizedClientException, "algorithm is none of this issuer"),
    "the algorithm of another key": (lambda: RSA.token(), UnrecognizedClientException, "algorithm is none of this issuer"),
    "alg that is a list": (lambda: forged({"alg": ["ES256"]}), UnrecognizedClientException, "algorithm is none of this issuer"),
    "alg in small letters": (lambda: forged({"alg": "es256"}), UnrecognizedClientException, "algorithm is none of this issuer"),
    "another's signature": (lambda: STRANGER.token(), UnrecognizedClientException, "signature does not hold"),
    "an unknown kid": (lambda: IDP.token({"kid": "two"}), UnrecognizedClientException, "no such key"),
    "no kid": (lambda: IDP.token({"kid": None}), UnrecognizedClientException, "names no key"),
    "a kid that is a path": (lambda: forged({"kid": {"../": 1}}), UnrecognizedClientException, "names no key"),
    "a changed claim": (changed(1), UnrecognizedClientException, "."),
    "a changed signature": (changed(2), UnrecognizedClientException, "signature does not hold"),
    "a critical extension": (lambda: forged({"crit": ["b64"], "b64": False}), UnrecognizedClientException, "what is not known here"),
    "a payload that is not encoded": (lambda: forged({"b64": False}), UnrecognizedClientException, "what is not known here"),
    "a token for something else": (lambda: IDP.token({"typ": "dpop+jwt"}), UnrecognizedClientException, "another type"),
    "too long": (lambda: IDP.token(x="x" * TOKEN_CHARACTERS_MAX), UnrecognizedClientException, "more than 8192"),
    "iss twice": (twice("iss"), UnrecognizedClientException, "more than once"),
    "aud twice": (twice("aud"), UnrecognizedClientException, "more than once"),
    "exp twice": (twice("exp"), UnrecognizedClientException, "more than once"),
    "a member of the header twice": (
        lambda: headed(b'{"alg":"ES256","alg":"none"}'),
        UnrecognizedClientException,
        "more than once",
    ),
    "two parts": (lambda: "a.b", UnrecognizedClientException, "not three parts"),
    "four parts": (lambda: f"{IDP.token()}.x", UnrecognizedClientException, "not three parts"),
    "nothing in three parts": (lambda: "..", UnrecognizedClientException, "no JSON"),
    "no base64url": (lambda: f"{IDP.token()[:10]}+/.x.y", UnrecognizedClientException, "token"),
    "white space within": (lambda: IDP.token().replace(".", ".\n", 1), UnrecognizedClientException, "base64url"),
    "claims that are a list": (lambda: f"{part({'alg': 'ES256'})}.{part([1])}.AAAA", UnrecognizedClientException, "holds no object"),
    "bytes that are no text": (lambda: headed(b"\xff\xfe"), UnrecognizedClientException, "no UTF-8"),
    "nested without end": (
        lambda: headed(b'{"a":' + b"[" * 5000),
        UnrecognizedClientException,
        "nested|more than 8192",
    ),
    "of a cluster, and of no pod": (lambda: pod(pod=None), UnrecognizedClientException, "bound to a pod"),
    "of a pod, and of another service account": (lambda: pod(serviceaccount={"name": "x"}), UnrecognizedClientException, "bound to a pod"),
    "of a pod, and of another namespace": (lambda: pod(namespace="bank"), UnrecognizedClientException, "bound to a pod"),
    "of a pod without an id": (lambda: pod(pod={"name": "cart-1"}), UnrecognizedClientException, "bound to a pod"),
    "of a person, by the cluster": (lambda: IDP.token(iss=CLUSTER), UnrecognizedClientException, "bound to a pod"),
}


def forged(header: dict[str, Any]) -> str:
    """A good signature under a header that says something else."""
    _, claims, signature = IDP.token().split(".")
    return f"{part({'alg': 'ES256', 'kid': IDP.signer.kid, **header})}.{claims}.{signature}"


def headed(header: bytes) -> str:
    """Good claims under any header."""
    return f"{part(header)}.{part(IDP.claims())}.AAAA"


def pod(**changes: Any) -> str:
    told: Any = {"kubernetes.io": {name: value for name, value in {**POD, **changes}.items() if value is not None}}
    return IDP.token(iss=CLUSTER, sub=ACCOUNT, **told)


@pytest.mark.parametrize("case", BAD)
def test_every_other_token_names_nobody_and_operators_learn_why(case: str) -> None:
    make, fault, why = BAD[case]
    with pytest.raises(fault, match=r"The security token included in the request is (invalid|expired)") as refused:
        principal(make())
    assert re.search(why, refused.value.reason), refused.value.reason
    assert refused.value.reason.isprintable()


def test_a_pods_token_names_its_service_account() -> None:
    assert principal(pod()).name == "cart"


def test_a_token_is_good_until_its_end_and_no_call_later() -> None:
    place = here()
    tokens, token = IdentityTokens(place, place, place), IDP.token()
    first = tokens.authenticate(token, NOW)
    assert tokens.authenticate(token, NOW + timedelta(seconds=659)) is first
    with pytest.raises(ExpiredTokenException):
        tokens.authenticate(token, NOW + timedelta(seconds=661))


def test_what_was_believed_once_is_not_when_rules_or_keys_are_others() -> None:
    place = here()
    tokens, token = IdentityTokens(place, place, place), IDP.token()
    first = tokens.authenticate(token, NOW)
    place.mapping = mapping()
    again = tokens.authenticate(token, NOW)
    assert (again, again is first) == (first, False), "the rules were read again"
    place.mapping = mapping(audiences=frozenset({"somebody"}))
    with pytest.raises(UnrecognizedClientException):
        tokens.authenticate(token, NOW)
    place.mapping = TokenMapping({}, (), {})
    with pytest.raises(UnrecognizedClientException):
        tokens.authenticate(token, NOW)
    place.mapping = mapping()
    tokens.authenticate(token, NOW)
    place.is_away = True
    with pytest.raises(DependencyTimeoutException):
        tokens.authenticate(token, NOW)
    place.is_away, place.keys = False, here(STRANGER.signer).keys
    with pytest.raises(UnrecognizedClientException, match="invalid"):
        tokens.authenticate(token, NOW)


def test_tokens_are_remembered_up_to_a_bound(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("meridian.authentication.verified_tokens.TOKENS_MAX", 2)
    place = here()
    tokens = IdentityTokens(place, place, place)
    for subject in ("a", "b", "c"):
        assert tokens.authenticate(IDP.token(sub=subject), NOW).name == subject
    assert len(tokens._verified._known) == 2


class Reviewed(Here):
    """Stands for the word of the issuer, too."""

    def __init__(self, **changed: Any) -> None:
        super().__init__(mapping(**changed), read_key_set(json.dumps({"keys": [IDP.signer.public()]}).encode()))
        self.asked: list[tuple[str, bytes, str, str]] = []
        self.refuses = False

    def require_good(self, issuer: str, digest: bytes, token: str, subject: str) -> None:
        self.asked.append((issuer, digest, token, subject))
        if self.refuses:
            raise UnrecognizedClientException(reason="gone")


def test_an_issuer_is_asked_on_every_call_and_about_nothing_that_is_not_believed_anyway() -> None:
    place: Any = Reviewed(is_reviewed=True)
    tokens, token = IdentityTokens(place, place, place), IDP.token()
    for bad in (STRANGER.token(), IDP.token(aud="another"), IDP.token(exp=int(NOW.timestamp()) - 3600)):
        with pytest.raises((UnrecognizedClientException, ExpiredTokenException)):
            tokens.authenticate(bad, NOW)
    assert place.asked == []
    for calls in (1, 2):
        tokens.authenticate(token, NOW)
        assert place.asked == [(ISSUER, sha256(token.encode()).digest(), token, "ann")] * calls
    place.refuses = True
    with pytest.raises(UnrecognizedClientException):
        tokens.authenticate(token, NOW)
    with pytest.raises(UnrecognizedClientException):
        tokens.claims_of(token, NOW)
    unasked: Any = Reviewed(is_reviewed=False)
    IdentityTokens(unasked, unasked, unasked).authenticate(token, NOW)
    assert unasked.asked == []
