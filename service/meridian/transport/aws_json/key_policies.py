"""The default key policy on the AWS wire: AWS KMS shows a document where here no policy stands at all.

A repeat is answered before any key is looked for: what a change answers is shown by what its answer says alone.

Source: AWS KMS Developer Guide, Default key policy.
"""

from __future__ import annotations

import json
from typing import Any

from meridian.call import Call
from meridian.domain.identifiers import parse_key_reference


def shown_as_aws(response: Any, call: Call) -> Any:
    """The response with the default document where a key, or the replica that was just made, has no policy of its own."""
    if response.DESCRIPTOR.name == "GetKeyPolicyResponse" and response.account_delegation and not response.policy:
        key = call.keys["key_id"]
        response.policy = default_document(key.partition, key.account)
    elif response.DESCRIPTOR.name == "ReplicateKeyResponse" and not response.replica_policy:
        replica = parse_key_reference(response.replica_key_metadata.arn, alias_allowed=False)
        response.replica_policy = default_document(replica.partition, replica.account)
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
