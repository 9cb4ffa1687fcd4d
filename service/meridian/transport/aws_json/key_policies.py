"""Key policies on the AWS wire. Clients send AWS's JSON; the service keeps Cedar.

Understood is the default document of AWS KMS, which leaves the decision to the policies of the account. It is what GetKeyPolicy
shows for a key that has no policy of its own; a Cedar policy is shown as it is.

Source: AWS KMS Developer Guide, Default key policy.
"""

from __future__ import annotations

import json
import re
from typing import Any, Final

from meridian.domain.call import Call
from meridian.domain.identifiers import ACCOUNT
from meridian.errors import MalformedPolicyDocumentException

ROOT: Final = re.compile(r"arn:aws[a-z-]*:iam::([0-9]{12}):root")
NO_POLICY: Final = "// The default key policy."
"""What stands for the default document in the store: a text without a policy."""


def taken_from_aws(request: Any) -> Any:
    """The request with its key policy in the service's own form. Raises: MalformedPolicyDocumentException."""
    if "account_delegation" in request.DESCRIPTOR.fields_by_name and request.HasField("policy"):
        _require_default(request.policy)
        request.account_delegation = True
        if request.DESCRIPTOR.name == "PutKeyPolicyRequest":
            request.policy = NO_POLICY
        else:
            request.ClearField("policy")
    return request


def shown_as_aws(response: Any, call: Call) -> Any:
    """The response with the default document where a key has no policy of its own."""
    if response.DESCRIPTOR.name == "GetKeyPolicyResponse" and response.account_delegation and response.policy in ("", NO_POLICY):
        key = call.keys["key_id"]
        response.policy = default_document(key.partition, key.account)
    return response


def default_document(partition: str, account: str) -> str:
    """The default key policy of AWS KMS for this account, printed as AWS KMS prints it."""
    statement = {
        "Sid": "Enable IAM User Permissions",
        "Effect": "Allow",
        "Principal": {"AWS": f"arn:{partition}:iam::{account}:root"},
        "Action": "kms:*",
        "Resource": "*",
    }
    return json.dumps({"Version": "2012-10-17", "Id": "key-default-1", "Statement": [statement]}, indent=2, separators=(",", " : "))


def _require_default(text: str) -> None:
    try:
        document = json.loads(text)
        statements = document["Statement"]
        (statement,) = statements if isinstance(statements, list) else [statements]
        principal = statement["Principal"]["AWS"]
        (name,) = principal if isinstance(principal, list) else [principal]
        parts = (statement["Effect"], statement["Action"], statement["Resource"])
        is_root = ROOT.fullmatch(name) or ACCOUNT.fullmatch(name)
        is_default = parts == ("Allow", "kms:*", "*") and is_root and not set(statement) - KNOWN
    except (ValueError, KeyError, TypeError) as fault:
        raise _refused() from fault
    if not is_default:
        raise _refused()


KNOWN: Final = {"Sid", "Effect", "Action", "Resource", "Principal"}


def _refused() -> MalformedPolicyDocumentException:
    return MalformedPolicyDocumentException(
        "This service takes the default key policy of AWS KMS here, which leaves the decision to the policies of the account. "
        "Put any other key policy as Cedar, with `meridian kms put-key-policy`."
    )
