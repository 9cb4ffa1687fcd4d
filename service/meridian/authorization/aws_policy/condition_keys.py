"""THE table of AWS condition keys: each with its Cedar form, or the reason why a policy with it is refused.

Names are compared without regard to case, as IAM does, what stands behind `:` or `/` included: converted policies ask for tags and pairs
by their names in lower case. Values, such as those of aws:TagKeys, are compared by the operator.

Source: AWS KMS Developer Guide, AWS KMS condition keys; IAM User Guide, global condition context keys.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

TEXT, TRUTH, NUMBER, TIME, ADDRESS, TEXTS = "String", "Bool", "Long", "datetime", "ipaddr", "Set<String>"
CONTEXT, REQUEST, RESOURCE, PRINCIPAL, TAG = "context", "request", "resource", "principal", "tag"

ANY_CASE: Final = {
    "context.encryptionContext": "context.encryptionContextAnyCase",
    "context.requestTags": "context.requestTagsAnyCase",
    "resource": "resource.anyCase",
    "principal": "principal.anyCase",
}

NO_SERVICES: Final = "services that act for their users do not exist here; grant to the service's own principal"
NO_ATTESTATION: Final = "requests with an attestation are refused before any policy is asked"
NO_COUNTERPART: Final = "has no counterpart outside AWS"


@dataclass(frozen=True, slots=True)
class ConditionKey:
    """One condition key."""

    name: str
    """As AWS writes it; a name that ends in ":" or "/" takes a member."""
    owner: str = CONTEXT
    attribute: str = ""
    """Attribute of the owner, or for tags the expression that has them."""
    kind: str = TEXT
    refused: str = ""
    """Why a policy with it is refused; empty where it is converted."""
    about_caller: bool = False
    is_epoch: bool = False
    """A time that AWS also compares as a number: of seconds since 1970."""
    is_service: bool = False
    """Its values are names of services, which the operator maps to those of the deployment."""

    @property
    def holder(self) -> str:
        """The expression that has a tag by its name in any case."""
        return ANY_CASE[self.attribute]

    @property
    def cedar(self) -> str:
        """The Cedar form, for documents."""
        if self.owner == TAG:
            return f'{self.attribute}.getTag("…")'
        return f"context.request.{self.attribute}" if self.owner == REQUEST else f"{self.owner}.{self.attribute}"


def _tags(name: str, holder: str, *, about_caller: bool = False) -> ConditionKey:
    return ConditionKey(name, TAG, holder, about_caller=about_caller)


def _refused(name: str, why: str) -> ConditionKey:
    return ConditionKey(name, refused=why)


KMS_KEYS: Final = (
    ConditionKey("kms:BypassPolicyLockoutSafetyCheck", CONTEXT, "bypassPolicyLockoutSafetyCheck", TRUTH),
    ConditionKey("kms:CallerAccount", PRINCIPAL, "account", about_caller=True),
    ConditionKey("kms:CustomerMasterKeySpec", RESOURCE, "keySpec"),
    ConditionKey("kms:CustomerMasterKeyUsage", RESOURCE, "keyUsage"),
    ConditionKey("kms:DataKeyPairSpec", CONTEXT, "dataKeyPairSpec"),
    ConditionKey("kms:EncryptionAlgorithm", CONTEXT, "encryptionAlgorithm"),
    _tags("kms:EncryptionContext:", "context.encryptionContext"),
    ConditionKey("kms:EncryptionContextKeys", CONTEXT, "encryptionContextKeys", TEXTS),
    ConditionKey("kms:ExpirationModel", CONTEXT, "expirationModel"),
    ConditionKey("kms:GrantConstraintSourceArn", CONTEXT, "grantConstraintSourceArn"),
    ConditionKey("kms:GrantConstraintType", CONTEXT, "grantConstraintType"),
    ConditionKey("kms:GrantIsForAWSResource", CONTEXT, "grantIsForService", TRUTH),
    ConditionKey("kms:GrantOperations", CONTEXT, "grantOperations", TEXTS),
    ConditionKey("kms:GranteePrincipal", CONTEXT, "granteePrincipal"),
    _refused("kms:GranteeServicePrincipal", NO_SERVICES),
    ConditionKey("kms:KeyAgreementAlgorithm", CONTEXT, "keyAgreementAlgorithm"),
    ConditionKey("kms:KeyOrigin", RESOURCE, "keyOrigin"),
    ConditionKey("kms:KeySpec", RESOURCE, "keySpec"),
    ConditionKey("kms:KeyUsage", RESOURCE, "keyUsage"),
    ConditionKey("kms:MacAlgorithm", CONTEXT, "macAlgorithm"),
    ConditionKey("kms:MessageType", CONTEXT, "messageType"),
    ConditionKey("kms:MultiRegion", RESOURCE, "multiRegion", TRUTH),
    ConditionKey("kms:MultiRegionKeyType", RESOURCE, "multiRegionKeyType"),
    ConditionKey("kms:PrimaryRegion", CONTEXT, "primaryRegion"),
    _refused("kms:RecipientAttestation:ImageSha384", NO_ATTESTATION),
    _refused("kms:RecipientAttestation:PCR", NO_ATTESTATION),
    _refused("kms:RecipientAttestation:NitroTPMPCR", NO_ATTESTATION),
    ConditionKey("kms:ReEncryptOnSameKey", CONTEXT, "reEncryptOnSameKey", TRUTH),
    ConditionKey("kms:ReplicaRegion", CONTEXT, "replicaRegion"),
    ConditionKey("kms:RequestAlias", CONTEXT, "requestAlias"),
    ConditionKey("kms:ResourceAliases", RESOURCE, "resourceAliases", TEXTS),
    ConditionKey("kms:RetiringPrincipal", CONTEXT, "retiringPrincipal"),
    _refused("kms:RetiringServicePrincipal", NO_SERVICES),
    ConditionKey("kms:RotationPeriodInDays", CONTEXT, "rotationPeriodInDays", NUMBER),
    ConditionKey("kms:ScheduleKeyDeletionPendingWindowInDays", CONTEXT, "scheduleKeyDeletionPendingWindowInDays", NUMBER),
    ConditionKey("kms:SigningAlgorithm", CONTEXT, "signingAlgorithm"),
    ConditionKey("kms:TrailingDaysWithoutKeyUsage", CONTEXT, "trailingDaysWithoutKeyUsage", NUMBER),
    ConditionKey("kms:ValidTo", CONTEXT, "validTo", TIME, is_epoch=True),
    ConditionKey("kms:ViaService", REQUEST, "viaService", is_service=True),
    ConditionKey("kms:WrappingAlgorithm", CONTEXT, "wrappingAlgorithm"),
    ConditionKey("kms:WrappingKeySpec", CONTEXT, "wrappingKeySpec"),
)

PRINCIPAL_TAG: Final = _tags("aws:PrincipalTag/", "principal", about_caller=True)

GLOBAL_KEYS: Final = (
    _tags("aws:ResourceTag/", "resource"),
    _tags("aws:RequestTag/", "context.requestTags"),
    ConditionKey("aws:TagKeys", CONTEXT, "tagKeys", TEXTS),
    PRINCIPAL_TAG,
    ConditionKey("aws:PrincipalArn", PRINCIPAL, "arn", about_caller=True),
    ConditionKey("aws:PrincipalAccount", PRINCIPAL, "account", about_caller=True),
    ConditionKey("aws:ResourceAccount", RESOURCE, "account"),
    ConditionKey("aws:SourceIp", REQUEST, "sourceIp", ADDRESS),
    ConditionKey("aws:SecureTransport", REQUEST, "secureTransport", TRUTH),
    ConditionKey("aws:RequestedRegion", REQUEST, "requestedRegion"),
    ConditionKey("aws:CurrentTime", REQUEST, "currentTime", TIME),
    ConditionKey("aws:EpochTime", REQUEST, "currentTime", TIME, is_epoch=True),
    ConditionKey("aws:TokenIssueTime", REQUEST, "tokenIssueTime", TIME),
    ConditionKey("aws:MultiFactorAuthPresent", REQUEST, "mfaPresent", TRUTH),
    ConditionKey("aws:MultiFactorAuthAge", REQUEST, "mfaAgeSeconds", NUMBER),
    ConditionKey("aws:UserAgent", REQUEST, "userAgent"),
    _refused("aws:SourceVpc", "name a network by its addresses, with aws:SourceIp"),
    _refused("aws:SourceVpce", "name a network by its addresses, with aws:SourceIp"),
    _refused("aws:VpcSourceIp", "name a network by its addresses, with aws:SourceIp"),
    _refused("aws:SourceArn", NO_SERVICES),
    _refused("aws:SourceAccount", NO_SERVICES),
    _refused("aws:PrincipalOrgID", "organisational units belong in the account's own policies, as `principal in KMS::OrgUnit`"),
    _refused("aws:PrincipalOrgPaths", "organisational units belong in the account's own policies, as `principal in KMS::OrgUnit`"),
    _refused("aws:PrincipalType", "name the principals instead"),
    _refused("aws:PrincipalIsAWSService", NO_COUNTERPART),
    _refused("aws:PrincipalServiceName", NO_COUNTERPART),
    _refused("aws:userid", NO_COUNTERPART),
    _refused("aws:username", "name the user in Principal, or by aws:PrincipalArn"),
    _refused("aws:CalledVia", NO_COUNTERPART),
    _refused("aws:ViaAWSService", NO_COUNTERPART),
    _refused("aws:FederatedProvider", NO_COUNTERPART),
)

_BY_NAME: Final = {key.name.lower(): key for key in (*KMS_KEYS, *GLOBAL_KEYS)}

NAMES: Final = {lowered: key.name for lowered, key in _BY_NAME.items()}
"""Names as AWS writes them, by their lower case."""


def find_condition_key(name: str) -> tuple[ConditionKey, str] | None:
    """The row of a name and the member behind it, if it has one; None for a name that AWS does not have."""
    lowered = name.lower()
    known = _BY_NAME.get(lowered)
    if known is not None:
        return (known, "") if known.owner != TAG else None
    for row in _BY_NAME.values():
        if lowered.startswith(row.name.lower()) and (row.owner == TAG or row.refused) and len(name) > len(row.name):
            return row, name[len(row.name) :]
    return None
