"""What cannot be said is refused as a whole, and the element is named."""

from __future__ import annotations

import json
from typing import Any

import pytest
from tests.unit.authorization.aws_policy.conftest import converted, document

from meridian.authorization.aws_policy.refusal import RefusedDocument, Why

ANN = {"AWS": "arn:aws:iam::111122223333:user/ann"}
GOOD: dict[str, Any] = {"Effect": "Allow", "Principal": ANN, "Action": "kms:Encrypt", "Resource": "*"}


def statement(**changed: Any) -> dict[str, Any]:
    return {name: value for name, value in {**GOOD, **changed}.items() if value is not None}


def condition(operator: str, name: str, value: Any, **changed: Any) -> dict[str, Any]:
    return statement(Condition={operator: {name: value}}, **changed)


C = "Statement[0].Condition."
REFUSED = [
    (statement(Effect="Maybe"), "Statement[0].Effect"),
    (statement(Principal=None), "Statement[0]"),
    (statement(Principal={"Federated": "x"}), "Statement[0].Principal.Federated"),
    (statement(Principal={"CanonicalUser": "x"}), "Statement[0].Principal.CanonicalUser"),
    (statement(Principal={"Service": "s3.amazonaws.com"}), "Statement[0].Principal.Service"),
    (statement(Principal={"AWS": ["arn:aws:iam::111122223333:user/a", "AIDAEXAMPLE"]}), "Statement[0].Principal.AWS[1]"),
    (statement(Principal={"AWS": "arn:aws:sts::111122223333:assumed-role/a/b"}), "Statement[0].Principal.AWS"),
    (statement(Principal={"AWS": "arn:aws:iam::111122223333:role/*"}), "Statement[0].Principal.AWS"),
    (statement(Principal={"AWS": "arn:aws:iam::111122223333:group/g"}), "Statement[0].Principal.AWS"),
    (statement(Principal={"AWS": "arn:aws-cn:iam::111122223333:root"}), "Statement[0].Principal.AWS"),
    (statement(Principal={"AWS": ["111122223333", "arn:aws-us-gov:iam::111122223333:user/ann"]}), "Statement[0].Principal.AWS[1]"),
    (statement(Principal={"AWS": "arn:aws-cn:iam::444455556666:root"}, Effect="Deny"), "Statement[0].Principal.AWS"),
    (
        statement(
            Principal=None, NotPrincipal={"AWS": ["arn:aws:iam::111122223333:root", "arn:aws-cn:iam::111122223333:user/a"]}, Effect="Deny"
        ),
        "Statement[0].NotPrincipal.AWS[1]",
    ),
    (statement(Principal="*"), "Statement[0].Principal"),
    (condition("StringEquals", "kms:KeySpec", "x", Principal="*"), "Statement[0].Principal"),
    (condition("StringNotEquals", "kms:CallerAccount", "x", Principal="*"), "Statement[0].Principal"),
    (condition("StringEqualsIfExists", "kms:CallerAccount", "x", Principal="*"), "Statement[0].Principal"),
    (condition("Bool", "kms:MultiRegion", "true", Principal={"AWS": "111122223333"}, Action="kms:*"), "Statement[0].Principal"),
    (condition("Bool", "kms:MultiRegion", "true", Principal={"AWS": ["111122223333", ANN["AWS"]]}), "Statement[0].Principal"),
    (statement(Principal={"AWS": ["arn:aws:iam::111122223333:root", ANN["AWS"]]}, Effect="Deny"), "Statement[0].Principal"),
    (statement(Principal="ann"), "Statement[0].Principal"),
    (statement(Principal={"AWS": 7}), "Statement[0].Principal.AWS"),
    (statement(Principal=None, NotPrincipal=ANN, Effect="Deny"), "Statement[0].NotPrincipal"),
    (statement(Principal={"AWS": "111122223333"}, Action="kms:*", Effect="Deny"), "Statement[0].Principal"),
    (statement(Principal=None, NotPrincipal=ANN), "Statement[0].NotPrincipal"),
    (statement(Principal=None, NotPrincipal="*", Effect="Deny"), "Statement[0].NotPrincipal"),
    (statement(Action="kms:Encrpyt"), "Statement[0].Action"),
    (statement(Action="s3:GetObject"), "Statement[0].Action"),
    (statement(Action="kms:Encryp?"), "Statement[0].Action"),
    (statement(Action=["kms:Encrpyt", "s3:*", "kms:CheckAccess"]), "Statement[0].Action"),
    (statement(Action=["kms:Encrpyt"], Effect="Deny"), "Statement[0].Action"),
    (statement(Action=None, NotAction="kms:Encrpyt"), "Statement[0].NotAction"),
    (statement(Action=[]), "Statement[0].Action"),
    (statement(Action="Encrypt"), "Statement[0].Action"),
    (statement(Action=["kms:Encrypt", "*:Decrypt"], Effect="Deny"), "Statement[0].Action"),
    (statement(Action=["kms:Encrypt", "k*:Decrypt"]), "Statement[0].Action"),
    (statement(Action=["kms:Encrypt", "kms::Decrypt"]), "Statement[0].Action"),
    (statement(Action=["kms:Encrypt", "kms:"]), "Statement[0].Action"),
    (statement(Action=["kms:Encrypt", 7]), "Statement[0].Action"),
    (statement(Action=None), "Statement[0]"),
    (statement(Action=None, NotAction="kms:*"), "Statement[0].NotAction"),
    (statement(Resource="arn:aws:kms:us-east-1:111122223333:key/another"), "Statement[0].Resource"),
    (statement(Resource="arn:aws:kms:eu-west-1:111122223333:key/1234abcd-12ab-34cd-56ef-1234567890ab"), "Statement[0].Resource"),
    (statement(Resource=None), "Statement[0].Resource"),
    (statement(NotResource="*"), "Statement[0].NotResource"),
    (statement(Resource=[]), "Statement[0].Resource"),
    (statement(Resource=[], Effect="Deny"), "Statement[0].Resource"),
    (statement(Principal={"AWS": []}), "Statement[0].Principal.AWS"),
    (statement(Principal={"AWS": []}, Effect="Deny"), "Statement[0].Principal.AWS"),
    (statement(Principal={**ANN, "Service": []}, Effect="Deny"), "Statement[0].Principal.Service"),
    (statement(Principal=None, NotPrincipal={"AWS": []}, Effect="Deny"), "Statement[0].NotPrincipal.AWS"),
    (statement(Extra="x"), "Statement[0].Extra"),
    (condition("StringEquals", "kms:NoSuchKey", "x"), f'{C}StringEquals["kms:NoSuchKey"]'),
    (condition("StringEquals", "kms:ViaService", {"a": "b"}), f'{C}StringEquals["kms:ViaService"]'),
    (condition("NumericEquals", "kms:RotationPeriodInDays", 2**63), f'{C}NumericEquals["kms:RotationPeriodInDays"]'),
    (condition("DateLessThan", "kms:ValidTo", "0001-01-01T00:00:00+14:00"), f'{C}DateLessThan["kms:ValidTo"]'),
    (condition("StringEquals", "kms:ViaService", "s3.us-east-1.amazonaws.com"), f'{C}StringEquals["kms:ViaService"]'),
    (condition("StringLike", "kms:ViaService", "storage.*.amazonaws.com"), f'{C}StringLike["kms:ViaService"]'),
    (condition("StringEquals", "kms:RecipientAttestation:PCR0", "x"), f'{C}StringEquals["kms:RecipientAttestation:PCR0"]'),
    (condition("StringEquals", "kms:GranteeServicePrincipal", "x"), f'{C}StringEquals["kms:GranteeServicePrincipal"]'),
    (condition("StringEquals", "aws:PrincipalOrgID", "o-1"), f'{C}StringEquals["aws:PrincipalOrgID"]'),
    (condition("StringEquals", "aws:SourceVpce", "vpce-1"), f'{C}StringEquals["aws:SourceVpce"]'),
    (condition("ForAnyValue:StringEquals", "kms:ResourceAliases", "alias/a"), f'{C}ForAnyValue:StringEquals["kms:ResourceAliases"]'),
    (condition("StringEqualsIgnoreCase", "kms:KeySpec", "x"), f'{C}StringEqualsIgnoreCase["kms:KeySpec"]'),
    (condition("BinaryEquals", "kms:KeySpec", "x"), f'{C}BinaryEquals["kms:KeySpec"]'),
    (condition("NumericEquals", "kms:KeySpec", 1), f'{C}NumericEquals["kms:KeySpec"]'),
    (condition("StringLike", "kms:KeySpec", "RSA_????"), f'{C}StringLike["kms:KeySpec"]'),
    (condition("ArnLike", "aws:PrincipalArn", "arn:aws:iam::*"), f'{C}ArnLike["aws:PrincipalArn"]'),
    (condition("ArnLike", "aws:PrincipalArn", "*"), f'{C}ArnLike["aws:PrincipalArn"]'),
    (condition("ArnNotEquals", "aws:PrincipalArn", "role/x"), f'{C}ArnNotEquals["aws:PrincipalArn"]'),
    (condition("ArnLike", "aws:PrincipalArn", "arn:aws:iam::?:role/x"), f'{C}ArnLike["aws:PrincipalArn"]'),
    (condition("StringEquals", "kms:GrantOperations", "Decrypt"), f'{C}StringEquals["kms:GrantOperations"]'),
    (condition("ForAllValues:StringLike", "kms:GrantOperations", "De*"), f'{C}ForAllValues:StringLike["kms:GrantOperations"]'),
    (condition("ForAnyValue:StringEquals", "kms:KeySpec", "x"), f'{C}ForAnyValue:StringEquals["kms:KeySpec"]'),
    (condition("Bool", "kms:MultiRegion", "yes"), f'{C}Bool["kms:MultiRegion"]'),
    (condition("Null", "kms:MultiRegionKeyType", ["true", "false"]), f'{C}Null["kms:MultiRegionKeyType"]'),
    (condition("NumericLessThan", "kms:RotationPeriodInDays", "many"), f'{C}NumericLessThan["kms:RotationPeriodInDays"]'),
    (condition("IpAddress", "aws:SourceIp", "10.0.0.0/33"), f'{C}IpAddress["aws:SourceIp"]'),
    (condition("DateLessThan", "aws:CurrentTime", "tomorrow"), f'{C}DateLessThan["aws:CurrentTime"]'),
    (condition("DateLessThan", "aws:CurrentTime", "2030"), f'{C}DateLessThan["aws:CurrentTime"]'),
    (condition("DateLessThan", "aws:CurrentTime", "2030-W01-1"), f'{C}DateLessThan["aws:CurrentTime"]'),
    (condition("DateLessThan", "aws:CurrentTime", "20300101T000000Z"), f'{C}DateLessThan["aws:CurrentTime"]'),
    (condition("DateLessThan", "aws:CurrentTime", "2030-01-01T00:00:00.0005Z"), f'{C}DateLessThan["aws:CurrentTime"]'),
    (condition("DateLessThan", "kms:ValidTo", "1546257599.0001"), f'{C}DateLessThan["kms:ValidTo"]'),
    (condition("NumericLessThan", "kms:ValidTo", "1546257599.0001"), f'{C}NumericLessThan["kms:ValidTo"]'),
    (condition("NumericLessThan", "kms:ValidTo", "2030-01-01T00:00:00Z"), f'{C}NumericLessThan["kms:ValidTo"]'),
    (condition("NumericLessThan", "kms:ValidTo", "9" * 20), f'{C}NumericLessThan["kms:ValidTo"]'),
    (condition("NumericLessThan", "aws:CurrentTime", "1546257599"), f'{C}NumericLessThan["aws:CurrentTime"]'),
    (condition("NumericEquals", "kms:RotationPeriodInDays", "90.5"), f'{C}NumericEquals["kms:RotationPeriodInDays"]'),
    (condition("NumericNotEquals", "kms:RotationPeriodInDays", 90.5), f'{C}NumericNotEquals["kms:RotationPeriodInDays"]'),
    (condition("NumericLessThan", "kms:RotationPeriodInDays", "9e1"), f'{C}NumericLessThan["kms:RotationPeriodInDays"]'),
    (condition("NumericLessThan", "kms:RotationPeriodInDays", "٩٠"), f'{C}NumericLessThan["kms:RotationPeriodInDays"]'),
    (condition("NumericLessThan", "kms:RotationPeriodInDays", True), f'{C}NumericLessThan["kms:RotationPeriodInDays"]'),
    (condition("Null", "aws:MultiFactorAuthPresent", "true"), f'{C}Null["aws:MultiFactorAuthPresent"]'),
    (condition("Bool", "aws:MultiFactorAuthPresent", "false"), f'{C}Bool["aws:MultiFactorAuthPresent"]'),
    (condition("Bool", "aws:MultiFactorAuthPresent", ["true", "false"]), f'{C}Bool["aws:MultiFactorAuthPresent"]'),
    (condition("BoolIfExists", "AWS:multifactorauthpresent", "true", Effect="Deny"), f'{C}BoolIfExists["AWS:multifactorauthpresent"]'),
    (condition("StringEquals", "kms:KeySpec", 7), f'{C}StringEquals["kms:KeySpec"]'),
    (condition("StringEquals", "kms:KeySpec", []), f'{C}StringEquals["kms:KeySpec"]'),
    (condition("StringEquals", "kms:KeySpec", "${aws:username}"), f'{C}StringEquals["kms:KeySpec"]'),
    (condition("StringEquals", "kms:KeySpec", "a-${aws:PrincipalTag/x}"), f'{C}StringEquals["kms:KeySpec"]'),
    (condition("StringNotEquals", "kms:KeySpec", "${aws:PrincipalTag/x}"), f'{C}StringNotEquals["kms:KeySpec"]'),
    (condition("StringEquals", "aws:ResourceTag/", "x"), f'{C}StringEquals["aws:ResourceTag/"]'),
    (statement(Condition={"StringEqualz": {}}), f"{C}StringEqualz"),
    (statement(Condition={"StringEquals": {"kms:KeySpec": "x"}, "StringEqualsIgnoreCase": {}}), f"{C}StringEqualsIgnoreCase"),
    (statement(Condition={"BinaryEquals": {}}, Effect="Deny"), f"{C}BinaryEquals"),
    (statement(Condition={"ForSomeValues:StringEquals": {}}), f"{C}ForSomeValues:StringEquals"),
    (statement(Condition={"NullIfExists": {}}), f"{C}NullIfExists"),
    (statement(Sid=7), "Statement[0].Sid"),
    (statement(Sid=["a"]), "Statement[0].Sid"),
    (statement(Sid={"a": "b"}, Effect="Deny"), "Statement[0].Sid"),
    (statement(Condition=[]), "Statement[0].Condition"),
    (statement(Condition={"StringEquals": "x"}), "Statement[0].Condition.StringEquals"),
]


def lists_in(document: Any, path: tuple[Any, ...] = ()) -> list[tuple[Any, ...]]:
    """The places of a document where a list may stand: each value that is no object."""
    if isinstance(document, dict):
        return [place for name, value in document.items() for place in lists_in(value, (*path, name))]
    return [path] if path and path[0] not in ("Effect", "Sid") else []


WITH_EVERYTHING = statement(
    Condition={"StringEquals": {"kms:CallerAccount": "1"}, "StringLike": {"aws:PrincipalArn": ["arn:aws:iam::111122223333:user/x"]}}
)


@pytest.mark.parametrize("place", lists_in(WITH_EVERYTHING), ids=lambda place: ".".join(place))
@pytest.mark.parametrize("effect", ["Allow", "Deny"])
def test_an_empty_list_says_nothing_and_is_refused_wherever_it_stands(place: tuple[str, ...], effect: str) -> None:
    given = json.loads(json.dumps({**WITH_EVERYTHING, "Effect": effect}))
    holder = given
    for step in place[:-1]:
        holder = holder[step]
    holder[place[-1]] = []
    with pytest.raises(RefusedDocument) as refused:
        converted(document(given))
    assert place[0] in refused.value.element


@pytest.mark.parametrize(("given", "element"), REFUSED, ids=range(len(REFUSED)))
def test_a_statement_is_refused_and_its_element_named(given: dict[str, Any], element: str) -> None:
    with pytest.raises(RefusedDocument) as caught:
        converted(document(given))
    assert caught.value.element == element
    assert caught.value.why


NO_DOCUMENTS = [
    ("", "the document"),
    ("{", "the document"),
    ("[]", "the document"),
    ('{"Version": "2012-10-17", "Version": "2012-10-17"}', "the document"),
    ('{"Version": "2012-10-17"}', "Statement"),
    (json.dumps({"Version": "2011-01-01", "Statement": [GOOD]}), "Version"),
    (json.dumps({"Version": "2012-10-17", "Statement": [GOOD], "More": 1}), "More"),
    ("[" * 100_000, "the document"),
    (json.dumps({"Version": "2012-10-17", "Statement": ["x"]}), "Statement[0]"),
    *((json.dumps({"Version": "2012-10-17", "Id": each, "Statement": [GOOD]}), "Id") for each in (7, None, ["a"], {"x": 1})),
    (json.dumps({"Version": "2012-10-17", "Statement": [{**GOOD, "Sid": None}]}), "Statement[0].Sid"),
    (json.dumps({"Version": "2012-10-17", "Statement": [{**GOOD, "Sid": "\ud800"}]}), "the document"),
    ('{"Version": "2012-10-17", "Statement": [1.00000000000000000001]}', "the document"),
    ('{"Version": "2012-10-17", "Statement": [1e-99999999999999999999]}', "the document"),
    (document(condition("NumericLessThan", "kms:RotationPeriodInDays", float("nan"))), "the document"),
]


@pytest.mark.parametrize(("text", "element"), NO_DOCUMENTS)
def test_a_document_that_is_none_is_refused(text: str, element: str) -> None:
    with pytest.raises(RefusedDocument) as caught:
        converted(text)
    assert caught.value.element == element


OLDER = json.dumps({"Version": "2008-10-17", "Statement": [condition("StringEquals", "kms:KeySpec", "${aws:PrincipalTag/x}")]})
ENDLESS = document(*[statement(Action="kms:*", Condition={"StringNotEquals": {"kms:ReplicaRegion": "x"}}) for _ in range(150)])
BEYOND_CEDAR = document(condition("StringEquals", "kms:EncryptionContext:a", [f"${{aws:PrincipalTag/{n}}}" for n in range(300)]))


def test_every_row_of_the_table_of_refusals_is_met() -> None:
    """A refusal that nothing meets is one that nobody can explain; those of identity policies alone have a table of their own."""
    met = set()
    for text in (*(document(given) for given, _ in REFUSED), *(text for text, _ in NO_DOCUMENTS), OLDER, ENDLESS, BEYOND_CEDAR):
        with pytest.raises(RefusedDocument) as caught:
            converted(text)
        met.add(caught.value.reason)
    assert met == {why for why in Why if "of an identity policy" not in why.where}


LONG = "x" * 300


@pytest.mark.parametrize(
    ("given", "quoted"),
    [
        (condition(f"StringEquals{LONG}", "kms:KeySpec", "x"), f"the operator StringEquals{LONG} has"),
        (condition("StringEquals", f"kms:{LONG}", "x"), f'StringEquals["kms:{LONG}"]: is no'),
        (statement(**{LONG: "x"}), f"Statement[0].{LONG}: is no element"),
    ],
)
def test_what_a_refusal_quotes_it_quotes_whole(given: dict[str, Any], quoted: str) -> None:
    with pytest.raises(RefusedDocument) as caught:
        converted(document(given))
    assert quoted in str(caught.value)


@pytest.mark.parametrize("operator", ["StringEquals", "ForAnyValue:StringLikeIfExists", "Null", "NumericLessThan"])
def test_an_operator_without_a_key_asks_nothing(operator: str) -> None:
    assert converted(document(statement(Condition={operator: {}}))) == converted(document(GOOD))


def test_variables_need_the_version_that_has_them() -> None:
    with pytest.raises(RefusedDocument) as caught:
        converted(OLDER)
    assert caught.value.reason is Why.VARIABLE_VERSION
    assert converted(OLDER.replace("2008", "2012")).cedar


def test_one_refused_statement_refuses_the_good_ones_too() -> None:
    with pytest.raises(RefusedDocument) as caught:
        converted(document(GOOD, statement(Action="kms:Encrpyt")))
    assert caught.value.element == "Statement[1].Action"


def test_a_document_that_would_become_an_endless_text_is_refused() -> None:
    with pytest.raises(RefusedDocument) as caught:
        converted(ENDLESS)
    assert caught.value.reason is Why.TOO_LONG
