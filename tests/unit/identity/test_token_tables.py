"""The tables about tokens in the principals file: read as a whole, every fault told by its place, nothing of it taken half."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path

import pytest
from tests.identity_tokens import ISSUER, Issuer

from meridian.adapters.principals_file import FilePrincipals, PrincipalsFileError
from meridian.adapters.token_rules_file import KEY_SET_BYTES_MAX
from meridian.crypto.certificates import new_authority
from meridian.domain.token_rules import METHOD
from meridian.ports.token_reviews import ReviewSource

IDP = f'[[issuers]]\nissuer = "{ISSUER}"\naudiences = ["meridian"]\nalgorithms = ["ES256"]\n'
RULE = f'[[token_rules]]\nissuer = "{ISSUER}"\nclaims.sub = "{{user}}"\nkind = "User"\naccount = "111122223333"\nname = "{{user}}"\n'
ROLE = f'[[roles]]\naccount = "111122223333"\nname = "deploy"\n[[roles.trusted]]\nissuer = "{ISSUER}"\nclaims.sub = "ci"\n'
FILES = "key_set_file = 'keys.json'\n"


def read(folder: Path, text: str) -> FilePrincipals:
    path = folder / "principals.toml"
    path.write_text(text)
    return FilePrincipals.load(path, partition="aws", org_units={"111122223333": ("unit",)})


def test_issuers_rules_and_roles_are_read(tmp_path: Path) -> None:
    (tmp_path / "keys.json").write_bytes(Issuer().key_set())
    found = read(tmp_path, IDP + FILES + RULE + 'groups = ["staff"]\ntags = { by = "{user}" }\n' + ROLE)
    mapping = found.mapping
    assert list(mapping.issuers) == [ISSUER]
    principal = mapping.principal_of({"iss": ISSUER, "sub": "ann", "iat": 1, "exp": 2})
    assert principal is not None
    assert (principal.arn, principal.groups, principal.tags) == ("arn:aws:iam::111122223333:user/ann", ("staff",), (("by", "ann"),))
    assert principal.org_units == ("unit",)
    assert list(mapping.roles) == ["arn:aws:iam::111122223333:role/deploy"]
    assert found.find_by_arn("arn:aws:iam::111122223333:role/deploy") is not None
    assert found.find_by_subject(METHOD, f"{ISSUER} ann") is not None
    assert [source.keys is not None for source in found.key_set_sources] == [True]
    assert found.secret_files == (tmp_path / "keys.json",)


def test_who_is_asked_about_tokens_is_read(tmp_path: Path) -> None:
    (tmp_path / "keys.json").write_bytes(Issuer().key_set())
    (tmp_path / "token").write_text("shown\n")
    (tmp_path / "token").chmod(0o600)
    found = read(
        tmp_path, IDP + FILES + "review_url = 'https://kubernetes.default.svc'\nreview_seconds = 30\nbearer_token_file = 'token'\n"
    )
    assert found.review_sources == (ReviewSource(ISSUER, "https://kubernetes.default.svc", "", "shown", ("meridian",), 30),)
    assert "shown" not in repr(found.review_sources)
    assert found.mapping.issuers[ISSUER].is_reviewed
    assert read(tmp_path, IDP + FILES).review_sources == ()


def test_nested_claims_are_tables(tmp_path: Path) -> None:
    rule = RULE.replace('claims.sub = "{user}"', 'claims."kubernetes.io".namespace = "{user}"\nclaims.ok = true\nclaims.level = 3')
    mapping = read(tmp_path, IDP + rule).mapping
    claims = {"iss": ISSUER, "sub": "x", "iat": 1, "exp": 2, "kubernetes.io": {"namespace": "shop"}, "ok": True, "level": 3}
    assert mapping.principal_of(claims) is not None
    assert mapping.principal_of({**claims, "ok": False}) is None


def test_a_change_of_any_file_is_a_change(tmp_path: Path) -> None:
    keys, secret, ca = tmp_path / "keys.json", tmp_path / "token", tmp_path / "ca.pem"
    keys.write_bytes(Issuer().key_set())
    ca.write_bytes(new_authority("idp", datetime.now(UTC)).certificate)
    secret.write_text("one\n")
    secret.chmod(0o600)
    other = IDP.replace(ISSUER, "https://other") + "ca_file = 'ca.pem'\nbearer_token_file = 'token'\n"
    text = IDP + FILES + other
    first = read(tmp_path, text)
    assert [source.bearer_token for source in first.key_set_sources] == ["", "one"]
    assert "one" not in repr(first.key_set_sources)
    digests = {first.digest}
    secret.write_text("two")
    digests.add(read(tmp_path, text).digest)
    keys.write_bytes(Issuer().key_set())
    digests.add(read(tmp_path, text).digest)
    ca.write_bytes(new_authority("idp", datetime.now(UTC)).certificate)
    digests.add(read(tmp_path, text).digest)
    assert len(digests) == 4


FAULTS: dict[str, tuple[str, str]] = {
    "an unknown table": (IDP.replace("issuers", "issuer"), "issuer is no table of this file"),
    "an unknown field": (IDP + "audience = 'x'\n", "issuers 1: audience: "),
    "no audience": (IDP.replace('["meridian"]', "[]"), "issuers 1: audiences: "),
    "an audience that is no list": (IDP.replace('["meridian"]', '"meridian"'), "issuers 1: audiences: "),
    "no algorithm": (IDP.replace('["ES256"]', "[]"), "issuers 1: algorithms: "),
    "alg none": (IDP.replace("ES256", "none"), "issuers 1: algorithms: none is none of RS256"),
    "a shared secret": (IDP.replace("ES256", "HS256"), "issuers 1: algorithms: HS256 is none of"),
    "an issuer without TLS": (IDP.replace("https", "http"), "issuers 1: issuer: must be https://"),
    "an issuer with a query": (IDP.replace("/team", "/team?x"), "issuers 1: issuer: must be https://"),
    "keys without TLS": (IDP + "key_set_url = 'http://10.0.0.1/keys'\n", "issuers 1: key_set_url: must be https://"),
    "keys in a file and elsewhere": (IDP + FILES + "key_set_url = 'https://x'\n", "issuers 1: key_set_file: nothing is fetched"),
    "reviews without TLS": (IDP + "review_url = 'http://10.0.0.1'\n", "issuers 1: review_url: must be https://"),
    "reviews that count for a day": (IDP + "review_seconds = 86400\n", "issuers 1: review_seconds: "),
    "a secret that nobody is shown": (IDP + FILES + "bearer_token_file = 'token'\n", "issuers 1: key_set_file: nothing is fetched"),
    "no file": (IDP + FILES, "issuers 1: key_set_file: "),
    "a life of a year": (IDP + "life_seconds_max = 31536000\n", "issuers 1: life_seconds_max: "),
    "a life that is text": (IDP + "life_seconds_max = '3600'\n", "issuers 1: life_seconds_max: "),
    "authorities that are none": (IDP + "ca_file = 'principals.toml'\n", "issuers 1: ca_file: holds no PEM"),
    "the issuer twice": (IDP + IDP, "issuers: an issuer is given twice"),
    "a rule of no issuer": (RULE, f"token_rules 1: issuer: {ISSUER} is none of the issuers"),
    "a rule without claims": (IDP + RULE.replace('claims.sub = "{user}"', "claims = {}"), "token_rules 1: claims: "),
    "a word that is not found": (IDP + RULE.replace('name = "{user}"', 'name = "{who}"'), "token_rules 1: name: has {who}, which no claim"),
    "a tag of a word that is not found": (IDP + RULE + 'tags = { x = "{who}" }\n', "token_rules 1: tags.x: has {who}"),
    "a word twice": (IDP + RULE + 'claims.azp = "{user}"\n', "token_rules 1: claims: a word is given twice"),
    "a pattern that is none": (
        IDP + RULE.replace('claims.sub = "{user}"', 'claims.sub = "{user"'),
        "token_rules 1: claims.sub: has a brace",
    ),
    "a claim that is a date": (IDP + RULE + "claims.at = 2026-01-01\n", "token_rules 1: claims.at: must be a text"),
    "a kind of none": (IDP + RULE.replace('"User"', '"Root"'), "token_rules 1: kind: "),
    "an account of none": (IDP + RULE.replace("111122223333", "1"), "token_rules 1: account: "),
    "a name that is reserved": (
        IDP + RULE.replace('"User"', '"Service"').replace('name = "{user}"', 'name = "xks-export/{user}"'),
        "token_rules 1: name: is one of an export",
    ),
    "groups with their account": (IDP + RULE + 'groups = ["111122223333/x"]\n', "token_rules 1: groups.0: "),
    "groups without a word": (IDP + RULE + 'groups_from = { claim = "groups", pattern = "x" }\n', "token_rules 1: groups_from: pattern"),
    "a role that trusts nobody": (IDP + ROLE.split("[[roles.trusted]]")[0], "roles 1: trusted: "),
    "a role with a path": (IDP + ROLE.replace('"deploy"', '"a/b"'), "roles 1: name: "),
    "a role for a day": (
        IDP + ROLE.replace('name = "deploy"', 'name = "deploy"\nsession_seconds_max = 86400'),
        "roles 1: session_seconds_max: ",
    ),
    "a role twice": (IDP + ROLE + ROLE, "roles: a role is given twice"),
    "a role that trusts an unknown issuer": (ROLE, "roles 1: issuer: "),
    "tables that are none": ("issuers = 3\n", "issuers must be tables"),
    "too many": (IDP * 33, "issuers must be tables, at most 32"),
}


@pytest.mark.parametrize("case", FAULTS)
def test_a_fault_is_told_with_its_place(tmp_path: Path, case: str) -> None:
    text, told = FAULTS[case]
    with pytest.raises(PrincipalsFileError) as refused:
        read(tmp_path, text)
    assert told in str(refused.value)


def test_every_fault_is_told_at_once(tmp_path: Path) -> None:
    with pytest.raises(PrincipalsFileError) as refused:
        read(tmp_path, IDP.replace("ES256", "none") + RULE + '[[principals]]\nkind = "x"\n')
    assert all(each in str(refused.value) for each in ("issuers 1: ", "token_rules 1: ", "principal 1: "))


def test_files_of_an_issuer_are_as_closed_as_others(tmp_path: Path) -> None:
    (tmp_path / "keys.json").write_bytes(Issuer().key_set())
    (tmp_path / "keys.json").chmod(0o666)
    with pytest.raises(PrincipalsFileError, match="lets everybody change it"):
        read(tmp_path, IDP + FILES)
    (tmp_path / "token").write_text("secret")
    (tmp_path / "token").chmod(0o644)
    with pytest.raises(PrincipalsFileError, match="looser than") as refused:
        read(tmp_path, IDP + "bearer_token_file = 'token'\n")
    assert "secret" not in str(refused.value).replace("others may use its secret", "")
    (tmp_path / "keys.json").chmod(0o600)
    (tmp_path / "keys.json").write_bytes(b" " * (KEY_SET_BYTES_MAX + 1))
    with pytest.raises(PrincipalsFileError, match="is longer than"):
        read(tmp_path, IDP + FILES)
