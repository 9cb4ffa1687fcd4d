"""Why a document is not converted. Half a policy would be worse than none, so the first refusal ends the conversion."""

from __future__ import annotations

from enum import Enum, unique


@unique
class Why(Enum):
    """THE table of refusals: where each stands in a document, and what is wrong there. The policy guide lists them all."""

    NO_JSON = ("the document", "cannot be read as JSON: {fault}")
    NO_OBJECT = ("the document", "must be an object")
    NO_ELEMENT = ("the document", "is no element of a policy")
    VERSION = ("Version", "must be 2012-10-17 or 2008-10-17")
    NO_STATEMENT = ("Statement", "is missing")
    TOO_LONG = ("Statement", "becomes too long a text in Cedar; name fewer actions or principals")
    NO_CEDAR = ("Statement", "has no form in Cedar: {fault}")
    STATEMENT_NO_OBJECT = ("Statement", "must be an object or a list of them")
    STATEMENT_NO_ELEMENT = ("Statement", "is no element of a statement")
    NAME_NO_TEXT = ("Id, Sid", "must be text")
    EFFECT = ("Effect", "must be Allow or Deny")

    ONE_OF_PRINCIPALS = ("Statement", "needs either Principal or NotPrincipal")
    PRINCIPALS = ("Principal", 'must be "*" or map AWS or Service to names')
    NAMES_NOBODY = ("Principal, NotPrincipal", "is an empty list, which names nobody")
    PRINCIPAL_KIND = ("Principal", "has no counterpart here; principals are users, roles and services")
    PRINCIPAL_NO_TEXT = ("Principal", "must be text")
    PRINCIPAL_NO_ARN = ("Principal", "is no ARN of a principal; an id of a deleted principal means nobody")
    SESSION = ("Principal", "a session is not named here; name its role")
    PARTITION = ("Principal, NotPrincipal", "names a principal of another partition than the key's, {partition}")
    NOT_A_PRINCIPAL = ("Principal", "is not the ARN of a user, a role or a service")
    ACCOUNT_DENIED = ("Principal", "the account itself is allowed to decide, never denied; name its principals")
    ACCOUNT_CONDITION = (
        "Principal",
        "the account may decide on an action or not, under no condition; leave the condition out, or name the principals",
    )
    EVERYBODY = ("Principal", "everybody may be allowed only under a condition on the caller, such as kms:CallerAccount")
    EXCEPTION_ALLOWED = ("NotPrincipal", "stands with Deny alone; with Allow it would open the key to strangers")
    NOBODY_LEFT_OUT = ("NotPrincipal", "leaves nobody to speak of")
    EXCEPTION_WITHOUT_ACCOUNT = ("NotPrincipal", "names principals of the key's account, and the account's root beside them")

    ONE_OF_ACTIONS = ("Statement", "needs either Action or NotAction")
    NO_ACTION_NAME = ("Action, NotAction", "must be * or a service and an action, with * as the only wildcard, and none in the service")
    NO_ACTION = ("Action, NotAction", "names no action of AWS KMS{meant}")
    NO_ACTION_LEFT = ("NotAction", "leaves no action on a key")

    NOT_RESOURCE = ("NotResource, of a key policy", "a key policy is about its own key; leave it out and say Resource *")
    ONE_OF_RESOURCES = ("Statement, of an identity policy", "needs either Resource or NotResource")
    RESOURCE_ARN = (
        "Resource, NotResource, of an identity policy",
        "must be * or the ARN of keys or aliases, of six parts with colons between them and the service spelled out",
    )
    RESOURCE_VARIABLE = ("Resource, NotResource, of an identity policy", "a policy variable has no form in the name of a resource")
    PRINCIPAL_ATTACHED = (
        "Principal, NotPrincipal, of an identity policy",
        "whom it is attached to says who; only a key policy names principals",
    )
    NAMES_NOTHING = ("Resource, NotResource", "is an empty list, which names nothing")
    RESOURCE = ("Resource, of a key policy", "must be * or the ARN of this key")

    SERVICE_UNMAPPED = (
        "Principal, Condition",
        "no service of this deployment is mapped to that name; the settings have the table",
    )
    CONDITION = ("Condition", "must map operators to keys")
    CONDITION_KEYS = ("Condition", "must map keys to values")
    NO_KEY = ("Condition", "is no condition key{meant}")
    KEY_REFUSED = ("Condition", "the key has no form here: {because}")
    NO_OPERATOR = (
        "Condition",
        "the operator {operator} has no form here; of IAM's, StringEqualsIgnoreCase, StringNotEqualsIgnoreCase and BinaryEquals have none",
    )
    OPERATOR_TYPE = ("Condition", "the key is of type {kind}, which {operator} does not compare")
    ALWAYS_KNOWN = ("Condition", "is known of every caller here, which it is not in AWS; compare it with Bool")
    FALSE_OR_UNKNOWN = (
        "Condition",
        "no second factor and none known are one here and two in AWS; an Allow says BoolIfExists for false, a Deny says Bool for true",
    )
    ALIASES = ("Condition", "counts in the policies of an account alone, in AWS too; a key policy is already about one key")
    ONE_VALUED = ("Condition", "the key has one value; leave out {prefix}")
    MANY_VALUED = ("Condition", "the key has many values; say ForAnyValue: or ForAllValues:")
    WHOLE_VALUES = ("Condition", "a set is compared by whole values alone")
    NO_VALUE = ("Condition", "has no value")
    SINGLE_VALUE = ("Condition", "takes one value")
    VALUE_NO_TEXT = ("Condition", "the value must be text")
    VALUE_NO_TRUTH = ("Condition", "the value must be true or false")
    VALUE_NO_NUMBER = ("Condition", "the value must be a number in digits")
    VALUE_TOO_LARGE = ("Condition", "the number is too large")
    VALUE_FRACTION = ("Condition", "no whole number equals a number with a fraction")
    VALUE_NO_TIME = ("Condition", "the value must be a date of ISO 8601, or seconds since 1970")
    VALUE_TOO_FINE = ("Condition", "times are compared to the millisecond")
    VALUE_NO_ADDRESS = ("Condition", "the value must be an address or a range of addresses")
    WILDCARD = ("Condition", "the wildcard ? has no form here; * has")
    NO_ARN = ("Condition", "the value must be an ARN, of six parts with colons between them")
    VARIABLE_VERSION = ("Condition", "variables need Version 2012-10-17")
    VARIABLE_OPERATOR = ("Condition", "a policy variable stands with StringEquals alone")
    VARIABLE = ("Condition", "of the policy variables only ${{aws:PrincipalTag/…}} as the whole value has a form here")

    def __init__(self, where: str, text: str) -> None:
        self.where = where
        """The elements it is about."""
        self.text = text
        """What is wrong; in braces what a refusal says more exactly."""


class RefusedDocument(Exception):
    """The document cannot be said in Cedar; `element` is where, `why` is what is wrong, by the row `reason` of the table."""

    def __init__(self, element: str, reason: Why, **said: str) -> None:
        self.element = element
        self.reason = reason
        self.why = reason.text.format(**said)
        super().__init__(f"{element}: {self.why}")
