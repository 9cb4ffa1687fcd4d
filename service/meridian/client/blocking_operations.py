"""A method for each operation of the contract. Generated from the contract by `make gen`."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime

from google.protobuf import timestamp_pb2
from google.protobuf.message import Message

from meridian.access.v1 import access_pb2
from meridian.caller.v1 import caller_pb2
from meridian.client import fields, methods, words
from meridian.client.blocking_calls import BlockingCalls
from meridian.client.service_error import KmsServiceError
from meridian.client.values import message, messages, moment, packed, texts
from meridian.kms.v1 import (
    aliases_pb2,
    data_keys_pb2,
    encryption_pb2,
    grants_pb2,
    imports_pb2,
    key_agreement_pb2,
    key_policies_pb2,
    key_stores_pb2,
    keys_pb2,
    macs_pb2,
    multi_region_pb2,
    rotation_pb2,
    signing_pb2,
    tags_pb2,
    types_pb2,
)


class BlockingOperations(BlockingCalls):
    """A method for each operation of the contract.

    Every method raises the exceptions of `meridian.client.errors`: those that it names; AccessDeniedException, ThrottlingException,
    ValidationException and UnrecognizedClientException; and EndpointConnectionError and DeadlineExceeded where no Region answers.
    """

    def create_key(
        self,
        *,
        policy: str | None = None,
        description: str | None = None,
        key_usage: words.KeyUsageType | None = None,
        customer_master_key_spec: words.CustomerMasterKeySpec | None = None,
        key_spec: words.KeySpec | None = None,
        origin: words.OriginType | None = None,
        custom_key_store_id: str | None = None,
        bypass_policy_lockout_safety_check: bool | None = None,
        tags: Sequence[types_pb2.Tag | fields.TagFields] | None = None,
        multi_region: bool | None = None,
        xks_key_id: str | None = None,
        account_delegation: bool | None = None,
        timeout: float | None = None,
        client_token: str | None = None,
        caller_request_id: str | None = None,
    ) -> keys_pb2.CreateKeyResponse:
        """Makes a KMS key in this Region.

        Args:
            policy: Text of the key policy: Cedar here, at most 32 KiB. 1 to 131072 characters.
            description: Free text about the key; nothing secret belongs in it. 0 to 8192 characters.
            key_usage: The one thing the key is for, fixed at creation. One of SIGN_VERIFY, ENCRYPT_DECRYPT, GENERATE_VERIFY_MAC,
                KEY_AGREEMENT, ENCAPSULATE_DECAPSULATE.
            customer_master_key_spec: Older name of the key spec. One of RSA_2048, RSA_3072, RSA_4096, ECC_NIST_P256, ECC_NIST_P384,
                ECC_NIST_P521, ECC_SECG_P256K1, SYMMETRIC_DEFAULT, HMAC_224, HMAC_256, HMAC_384, HMAC_512, SM2.
            key_spec: Kind of the key material. One of RSA_2048, RSA_3072, RSA_4096, ECC_NIST_P256, ECC_NIST_P384, ECC_NIST_P521,
                ECC_SECG_P256K1, SYMMETRIC_DEFAULT, HMAC_224, HMAC_256, HMAC_384, HMAC_512, SM2, ML_DSA_44, ML_DSA_65, ML_DSA_87,
                ECC_NIST_EDWARDS25519, ML_KEM_512, ML_KEM_768, ML_KEM_1024.
            origin: Where the key material comes from, fixed at creation. One of AWS_KMS, EXTERNAL, AWS_CLOUDHSM, EXTERNAL_KEY_STORE.
            custom_key_store_id: Id of a custom key store. 1 to 64 characters.
            bypass_policy_lockout_safety_check: Stores the policy even if the caller could not change it again.
            tags: Tags: names with values. 256 at most.
            multi_region: Whether the key is a multi-Region key, fixed at creation.
            xks_key_id: Id of the external key behind the KMS key. 1 to 128 characters.
            account_delegation: Whether policies of the account apply to this key beside its own; true when absent. Not a field of AWS,
                where the statement for the account root says it.
            timeout: Seconds; 30 unless it is given.
            client_token: Repeats the change that was made under it; a new one unless it is given.
            caller_request_id: A name of the caller's own in the audit record.

        Returns:
            `key_metadata`: Everything about the key but its material.

        Raises:
            errors.MalformedPolicyDocumentException, errors.DependencyTimeoutException, errors.InvalidArnException,
            errors.UnsupportedOperationException, errors.KMSInternalException, errors.LimitExceededException, errors.TagException,
            errors.CustomKeyStoreNotFoundException, errors.CustomKeyStoreInvalidStateException,
            errors.CloudHsmClusterInvalidConfigurationException, errors.XksKeyInvalidConfigurationException,
            errors.XksKeyAlreadyInUseException, errors.XksKeyNotFoundException, and what every call may meet.
        """
        request = keys_pb2.CreateKeyRequest(
            policy=policy,
            description=description,
            key_usage=words.KEY_USAGE_TYPE.number(key_usage),
            customer_master_key_spec=words.CUSTOMER_MASTER_KEY_SPEC.number(customer_master_key_spec),
            key_spec=words.KEY_SPEC.number(key_spec),
            origin=words.ORIGIN_TYPE.number(origin),
            custom_key_store_id=custom_key_store_id,
            bypass_policy_lockout_safety_check=bypass_policy_lockout_safety_check,
            tags=messages(types_pb2.Tag, tags),
            multi_region=multi_region,
            xks_key_id=xks_key_id,
            account_delegation=account_delegation,
        )
        return self._send(methods.CREATE_KEY, request, timeout, client_token, caller_request_id)

    def describe_key(
        self, *, key_id: str, grant_tokens: Sequence[str] | None = None, timeout: float | None = None, caller_request_id: str | None = None
    ) -> keys_pb2.DescribeKeyResponse:
        """Tells everything about a key but its material.

        Args:
            key_id: Key that the call is about; answers carry the key ARN. 1 to 2048 characters. A key id, key ARN, alias name or alias ARN.
            grant_tokens: Tokens of grants that may not have reached every replica yet, at most ten. 10 at most, each of 1 to 8192
                characters. Secret: it is never shown.
            timeout: Seconds; 10 unless it is given.
            caller_request_id: A name of the caller's own in the audit record.

        Returns:
            `key_metadata`: Everything about the key but its material.

        Raises:
            errors.NotFoundException, errors.InvalidArnException, errors.DependencyTimeoutException, errors.KMSInternalException, and what
            every call may meet.
        """
        request = keys_pb2.DescribeKeyRequest(key_id=key_id, grant_tokens=texts("grant_tokens", grant_tokens))
        return self._send(methods.DESCRIBE_KEY, request, timeout, None, caller_request_id)

    def list_keys(
        self,
        *,
        limit: int | None = None,
        marker: str | None = None,
        resource_owners: Sequence[words.ResourceOwnerType] | None = None,
        timeout: float | None = None,
        caller_request_id: str | None = None,
    ) -> keys_pb2.ListKeysResponse:
        """Lists the keys of the caller's account in this Region.

        Args:
            limit: Largest number of entries in one answer. 1 to 1000.
            marker: Where the listing goes on: the marker of the answer before. 1 to 1024 characters.
            resource_owners: Whose keys are listed. 2 at most. One of SELF, OTHER_ACCOUNTS_VIA_RAM.
            timeout: Seconds; 10 unless it is given.
            caller_request_id: A name of the caller's own in the audit record.

        Returns:
            `keys`: The keys.
            `next_marker`: Marker that asks for the next page; present when there is one.
            `truncated`: Whether there are more entries.

        Raises:
            errors.DependencyTimeoutException, errors.KMSInternalException, errors.InvalidMarkerException, and what every call may meet.
        """
        request = keys_pb2.ListKeysRequest(limit=limit, marker=marker, resource_owners=words.RESOURCE_OWNER_TYPE.many(resource_owners))
        return self._send(methods.LIST_KEYS, request, timeout, None, caller_request_id)

    def iterate_keys(
        self,
        *,
        limit: int | None = None,
        resource_owners: Sequence[words.ResourceOwnerType] | None = None,
        timeout: float | None = None,
        caller_request_id: str | None = None,
    ) -> Iterator[types_pb2.KeyListEntry]:
        """Every item of `list_keys`, page after page, each asked for as it is needed.

        Args:
            limit: Largest number of entries in one answer. 1 to 1000.
            resource_owners: Whose keys are listed. 2 at most. One of SELF, OTHER_ACCOUNTS_VIA_RAM.
            timeout: Seconds of each page; 10 unless it is given.
            caller_request_id: A name of the caller's own in the audit record.

        Raises:
            errors.DependencyTimeoutException, errors.KMSInternalException, errors.InvalidMarkerException, and what every call may meet.
        """
        marker: str | None = None
        while True:
            page = self.list_keys(
                limit=limit, resource_owners=resource_owners, marker=marker, timeout=timeout, caller_request_id=caller_request_id
            )
            yield from page.keys
            if not page.truncated:
                return
            marker = page.next_marker

    def enable_key(
        self, *, key_id: str, timeout: float | None = None, client_token: str | None = None, caller_request_id: str | None = None
    ) -> keys_pb2.EnableKeyResponse:
        """Lets a disabled key work again.

        Args:
            key_id: Key that the call is about; answers carry the key ARN. 1 to 2048 characters. A key id or key ARN.
            timeout: Seconds; 10 unless it is given.
            client_token: Repeats the change that was made under it; a new one unless it is given.
            caller_request_id: A name of the caller's own in the audit record.

        Returns:
            An answer without fields.

        Raises:
            errors.NotFoundException, errors.InvalidArnException, errors.DependencyTimeoutException, errors.KMSInternalException,
            errors.LimitExceededException, errors.KMSInvalidStateException, and what every call may meet.
        """
        request = keys_pb2.EnableKeyRequest(key_id=key_id)
        return self._send(methods.ENABLE_KEY, request, timeout, client_token, caller_request_id)

    def disable_key(
        self, *, key_id: str, timeout: float | None = None, client_token: str | None = None, caller_request_id: str | None = None
    ) -> keys_pb2.DisableKeyResponse:
        """Stops every cryptographic use of a key until it is enabled.

        Args:
            key_id: Key that the call is about; answers carry the key ARN. 1 to 2048 characters. A key id or key ARN.
            timeout: Seconds; 10 unless it is given.
            client_token: Repeats the change that was made under it; a new one unless it is given.
            caller_request_id: A name of the caller's own in the audit record.

        Returns:
            An answer without fields.

        Raises:
            errors.NotFoundException, errors.InvalidArnException, errors.DependencyTimeoutException, errors.KMSInternalException,
            errors.KMSInvalidStateException, and what every call may meet.
        """
        request = keys_pb2.DisableKeyRequest(key_id=key_id)
        return self._send(methods.DISABLE_KEY, request, timeout, client_token, caller_request_id)

    def update_key_description(
        self,
        *,
        key_id: str,
        description: str,
        timeout: float | None = None,
        client_token: str | None = None,
        caller_request_id: str | None = None,
    ) -> keys_pb2.UpdateKeyDescriptionResponse:
        """Replaces the description of a key.

        Args:
            key_id: Key that the call is about; answers carry the key ARN. 1 to 2048 characters. A key id or key ARN.
            description: Free text about the key; nothing secret belongs in it. 0 to 8192 characters.
            timeout: Seconds; 10 unless it is given.
            client_token: Repeats the change that was made under it; a new one unless it is given.
            caller_request_id: A name of the caller's own in the audit record.

        Returns:
            An answer without fields.

        Raises:
            errors.NotFoundException, errors.InvalidArnException, errors.DependencyTimeoutException, errors.KMSInternalException,
            errors.KMSInvalidStateException, and what every call may meet.
        """
        request = keys_pb2.UpdateKeyDescriptionRequest(key_id=key_id, description=description)
        return self._send(methods.UPDATE_KEY_DESCRIPTION, request, timeout, client_token, caller_request_id)

    def schedule_key_deletion(
        self,
        *,
        key_id: str,
        pending_window_in_days: int | None = None,
        timeout: float | None = None,
        client_token: str | None = None,
        caller_request_id: str | None = None,
    ) -> keys_pb2.ScheduleKeyDeletionResponse:
        """Begins the waiting period after which a key is erased.

        Args:
            key_id: Key that the call is about; answers carry the key ARN. 1 to 2048 characters. A key id or key ARN.
            pending_window_in_days: Days that the deletion waits. 1 to 365.
            timeout: Seconds; 10 unless it is given.
            client_token: Repeats the change that was made under it; a new one unless it is given.
            caller_request_id: A name of the caller's own in the audit record.

        Returns:
            `key_id`: Key that the call is about; answers carry the key ARN.
            `deletion_date`: When the key will be erased.
            `key_state`: State of the key.
            `pending_window_in_days`: Days that the deletion waits.

        Raises:
            errors.NotFoundException, errors.InvalidArnException, errors.DependencyTimeoutException, errors.KMSInternalException,
            errors.KMSInvalidStateException, and what every call may meet.
        """
        request = keys_pb2.ScheduleKeyDeletionRequest(key_id=key_id, pending_window_in_days=pending_window_in_days)
        return self._send(methods.SCHEDULE_KEY_DELETION, request, timeout, client_token, caller_request_id)

    def cancel_key_deletion(
        self, *, key_id: str, timeout: float | None = None, client_token: str | None = None, caller_request_id: str | None = None
    ) -> keys_pb2.CancelKeyDeletionResponse:
        """Ends the waiting period; the key is Disabled afterwards.

        Args:
            key_id: Key that the call is about; answers carry the key ARN. 1 to 2048 characters. A key id or key ARN.
            timeout: Seconds; 10 unless it is given.
            client_token: Repeats the change that was made under it; a new one unless it is given.
            caller_request_id: A name of the caller's own in the audit record.

        Returns:
            `key_id`: Key that the call is about; answers carry the key ARN.

        Raises:
            errors.NotFoundException, errors.InvalidArnException, errors.DependencyTimeoutException, errors.KMSInternalException,
            errors.KMSInvalidStateException, and what every call may meet.
        """
        request = keys_pb2.CancelKeyDeletionRequest(key_id=key_id)
        return self._send(methods.CANCEL_KEY_DELETION, request, timeout, client_token, caller_request_id)

    def get_key_last_usage(
        self, *, key_id: str, timeout: float | None = None, caller_request_id: str | None = None
    ) -> keys_pb2.GetKeyLastUsageResponse:
        """Tells when a key was last used in a cryptographic operation.

        Args:
            key_id: Key that the call is about; answers carry the key ARN. 1 to 2048 characters. A key id or key ARN.
            timeout: Seconds; 10 unless it is given.
            caller_request_id: A name of the caller's own in the audit record.

        Returns:
            `key_id`: Key that the call is about; answers carry the key ARN.
            `key_last_usage`: The last successful cryptographic use; empty when there was none.
            `tracking_start_date`: Since when uses are recorded.
            `key_creation_date`: When the key was made.

        Raises:
            errors.NotFoundException, errors.InvalidArnException, errors.DependencyTimeoutException, errors.KMSInternalException, and what
            every call may meet.
        """
        request = keys_pb2.GetKeyLastUsageRequest(key_id=key_id)
        return self._send(methods.GET_KEY_LAST_USAGE, request, timeout, None, caller_request_id)

    def create_alias(
        self,
        *,
        alias_name: str,
        target_key_id: str,
        timeout: float | None = None,
        client_token: str | None = None,
        caller_request_id: str | None = None,
    ) -> aliases_pb2.CreateAliasResponse:
        """Gives a key a friendly name.

        Args:
            alias_name: Name of the alias, beginning with "alias/". 1 to 256 characters.
            target_key_id: Key that the alias points at. 1 to 2048 characters. A key id or key ARN.
            timeout: Seconds; 10 unless it is given.
            client_token: Repeats the change that was made under it; a new one unless it is given.
            caller_request_id: A name of the caller's own in the audit record.

        Returns:
            An answer without fields.

        Raises:
            errors.DependencyTimeoutException, errors.AlreadyExistsException, errors.NotFoundException, errors.InvalidAliasNameException,
            errors.KMSInternalException, errors.LimitExceededException, errors.KMSInvalidStateException, and what every call may meet.
        """
        request = aliases_pb2.CreateAliasRequest(alias_name=alias_name, target_key_id=target_key_id)
        return self._send(methods.CREATE_ALIAS, request, timeout, client_token, caller_request_id)

    def update_alias(
        self,
        *,
        alias_name: str,
        target_key_id: str,
        timeout: float | None = None,
        client_token: str | None = None,
        caller_request_id: str | None = None,
    ) -> aliases_pb2.UpdateAliasResponse:
        """Points an alias at another key.

        Args:
            alias_name: Name of the alias, beginning with "alias/". 1 to 256 characters.
            target_key_id: Key that the alias points at. 1 to 2048 characters. A key id or key ARN.
            timeout: Seconds; 10 unless it is given.
            client_token: Repeats the change that was made under it; a new one unless it is given.
            caller_request_id: A name of the caller's own in the audit record.

        Returns:
            An answer without fields.

        Raises:
            errors.DependencyTimeoutException, errors.NotFoundException, errors.KMSInternalException, errors.LimitExceededException,
            errors.KMSInvalidStateException, and what every call may meet.
        """
        request = aliases_pb2.UpdateAliasRequest(alias_name=alias_name, target_key_id=target_key_id)
        return self._send(methods.UPDATE_ALIAS, request, timeout, client_token, caller_request_id)

    def delete_alias(
        self, *, alias_name: str, timeout: float | None = None, client_token: str | None = None, caller_request_id: str | None = None
    ) -> aliases_pb2.DeleteAliasResponse:
        """Removes an alias.

        Args:
            alias_name: Name of the alias, beginning with "alias/". 1 to 256 characters.
            timeout: Seconds; 10 unless it is given.
            client_token: Repeats the change that was made under it; a new one unless it is given.
            caller_request_id: A name of the caller's own in the audit record.

        Returns:
            An answer without fields.

        Raises:
            errors.DependencyTimeoutException, errors.NotFoundException, errors.KMSInternalException, errors.KMSInvalidStateException, and
            what every call may meet.
        """
        request = aliases_pb2.DeleteAliasRequest(alias_name=alias_name)
        return self._send(methods.DELETE_ALIAS, request, timeout, client_token, caller_request_id)

    def list_aliases(
        self,
        *,
        key_id: str | None = None,
        limit: int | None = None,
        marker: str | None = None,
        timeout: float | None = None,
        caller_request_id: str | None = None,
    ) -> aliases_pb2.ListAliasesResponse:
        """Lists the aliases of the account, or of one key.

        Args:
            key_id: Key that the call is about; answers carry the key ARN. 1 to 2048 characters. A key id or key ARN.
            limit: Largest number of entries in one answer. 1 to 1000.
            marker: Where the listing goes on: the marker of the answer before. 1 to 1024 characters.
            timeout: Seconds; 10 unless it is given.
            caller_request_id: A name of the caller's own in the audit record.

        Returns:
            `aliases`: The aliases.
            `next_marker`: Marker that asks for the next page; present when there is one.
            `truncated`: Whether there are more entries.

        Raises:
            errors.DependencyTimeoutException, errors.InvalidMarkerException, errors.KMSInternalException, errors.InvalidArnException,
            errors.NotFoundException, and what every call may meet.
        """
        request = aliases_pb2.ListAliasesRequest(key_id=key_id, limit=limit, marker=marker)
        return self._send(methods.LIST_ALIASES, request, timeout, None, caller_request_id)

    def iterate_aliases(
        self, *, key_id: str | None = None, limit: int | None = None, timeout: float | None = None, caller_request_id: str | None = None
    ) -> Iterator[types_pb2.AliasListEntry]:
        """Every item of `list_aliases`, page after page, each asked for as it is needed.

        Args:
            key_id: Key that the call is about; answers carry the key ARN. 1 to 2048 characters. A key id or key ARN.
            limit: Largest number of entries in one answer. 1 to 1000.
            timeout: Seconds of each page; 10 unless it is given.
            caller_request_id: A name of the caller's own in the audit record.

        Raises:
            errors.DependencyTimeoutException, errors.InvalidMarkerException, errors.KMSInternalException, errors.InvalidArnException,
            errors.NotFoundException, and what every call may meet.
        """
        marker: str | None = None
        while True:
            page = self.list_aliases(key_id=key_id, limit=limit, marker=marker, timeout=timeout, caller_request_id=caller_request_id)
            yield from page.aliases
            if not page.truncated:
                return
            marker = page.next_marker

    def put_key_policy(
        self,
        *,
        key_id: str,
        policy: str,
        policy_name: str | None = None,
        bypass_policy_lockout_safety_check: bool | None = None,
        account_delegation: bool | None = None,
        timeout: float | None = None,
        client_token: str | None = None,
        caller_request_id: str | None = None,
    ) -> key_policies_pb2.PutKeyPolicyResponse:
        """Replaces the policy of a key.

        Args:
            key_id: Key that the call is about; answers carry the key ARN. 1 to 2048 characters. A key id or key ARN.
            policy_name: Name of the policy; only "default" exists. 1 to 128 characters.
            policy: Text of the key policy: Cedar, or a JSON document of AWS, which becomes Cedar; at most 32 KiB. 1 to 131072 characters.
            bypass_policy_lockout_safety_check: Stores the policy even if the caller could not change it again.
            account_delegation: Whether policies of the account apply to this key beside its own; true when absent. Not a field of AWS,
                where the statement for the account root says it.
            timeout: Seconds; 10 unless it is given.
            client_token: Repeats the change that was made under it; a new one unless it is given.
            caller_request_id: A name of the caller's own in the audit record.

        Returns:
            An answer without fields.

        Raises:
            errors.NotFoundException, errors.InvalidArnException, errors.MalformedPolicyDocumentException,
            errors.DependencyTimeoutException, errors.UnsupportedOperationException, errors.KMSInternalException,
            errors.LimitExceededException, errors.KMSInvalidStateException, and what every call may meet.
        """
        request = key_policies_pb2.PutKeyPolicyRequest(
            key_id=key_id,
            policy_name=policy_name,
            policy=policy,
            bypass_policy_lockout_safety_check=bypass_policy_lockout_safety_check,
            account_delegation=account_delegation,
        )
        return self._send(methods.PUT_KEY_POLICY, request, timeout, client_token, caller_request_id)

    def get_key_policy(
        self,
        *,
        key_id: str,
        policy_name: str | None = None,
        cedar: bool | None = None,
        timeout: float | None = None,
        caller_request_id: str | None = None,
    ) -> key_policies_pb2.GetKeyPolicyResponse:
        """Answers the policy of a key as it was put.

        Args:
            key_id: Key that the call is about; answers carry the key ARN. 1 to 2048 characters. A key id or key ARN.
            policy_name: Name of the policy; only "default" exists. 1 to 128 characters.
            cedar: Answer the Cedar that is decided by, also where the policy was put as a document of AWS. Not a field of AWS.
            timeout: Seconds; 10 unless it is given.
            caller_request_id: A name of the caller's own in the audit record.

        Returns:
            `policy`: Text of the key policy as it was put.
            `policy_name`: Name of the policy; only "default" exists.
            `account_delegation`: Whether policies of the account apply to this key beside its own; true when absent. Not a field of AWS,
                where the statement for the account root says it.

        Raises:
            errors.NotFoundException, errors.InvalidArnException, errors.DependencyTimeoutException, errors.KMSInternalException,
            errors.KMSInvalidStateException, and what every call may meet.
        """
        request = key_policies_pb2.GetKeyPolicyRequest(key_id=key_id, policy_name=policy_name, cedar=cedar)
        return self._send(methods.GET_KEY_POLICY, request, timeout, None, caller_request_id)

    def list_key_policies(
        self,
        *,
        key_id: str,
        limit: int | None = None,
        marker: str | None = None,
        timeout: float | None = None,
        caller_request_id: str | None = None,
    ) -> key_policies_pb2.ListKeyPoliciesResponse:
        """Lists the policy names of a key.

        Args:
            key_id: Key that the call is about; answers carry the key ARN. 1 to 2048 characters. A key id or key ARN.
            limit: Largest number of entries in one answer. 1 to 1000.
            marker: Where the listing goes on: the marker of the answer before. 1 to 1024 characters.
            timeout: Seconds; 10 unless it is given.
            caller_request_id: A name of the caller's own in the audit record.

        Returns:
            `policy_names`: Names of the key's policies.
            `next_marker`: Marker that asks for the next page; present when there is one.
            `truncated`: Whether there are more entries.

        Raises:
            errors.NotFoundException, errors.InvalidArnException, errors.DependencyTimeoutException, errors.KMSInternalException,
            errors.KMSInvalidStateException, and what every call may meet.
        """
        request = key_policies_pb2.ListKeyPoliciesRequest(key_id=key_id, limit=limit, marker=marker)
        return self._send(methods.LIST_KEY_POLICIES, request, timeout, None, caller_request_id)

    def iterate_key_policies(
        self, *, key_id: str, limit: int | None = None, timeout: float | None = None, caller_request_id: str | None = None
    ) -> Iterator[str]:
        """Every item of `list_key_policies`, page after page, each asked for as it is needed.

        Args:
            key_id: Key that the call is about; answers carry the key ARN. 1 to 2048 characters. A key id or key ARN.
            limit: Largest number of entries in one answer. 1 to 1000.
            timeout: Seconds of each page; 10 unless it is given.
            caller_request_id: A name of the caller's own in the audit record.

        Raises:
            errors.NotFoundException, errors.InvalidArnException, errors.DependencyTimeoutException, errors.KMSInternalException,
            errors.KMSInvalidStateException, and what every call may meet.
        """
        marker: str | None = None
        while True:
            page = self.list_key_policies(key_id=key_id, limit=limit, marker=marker, timeout=timeout, caller_request_id=caller_request_id)
            yield from page.policy_names
            if not page.truncated:
                return
            marker = page.next_marker

    def create_grant(
        self,
        *,
        key_id: str,
        operations: Sequence[words.GrantOperation],
        grantee_principal: str | None = None,
        retiring_principal: str | None = None,
        constraints: types_pb2.GrantConstraints | fields.GrantConstraintsFields | None = None,
        grant_tokens: Sequence[str] | None = None,
        name: str | None = None,
        dry_run: bool | None = None,
        grantee_service_principal: str | None = None,
        retiring_service_principal: str | None = None,
        timeout: float | None = None,
        client_token: str | None = None,
        caller_request_id: str | None = None,
    ) -> grants_pb2.CreateGrantResponse:
        """Lets a principal use a key within limits.

        Args:
            key_id: Key that the call is about; answers carry the key ARN. 1 to 2048 characters. A key id or key ARN.
            grantee_principal: Principal that receives the permission. 1 to 256 characters.
            retiring_principal: Principal that may end the grant. 1 to 256 characters.
            operations: Operations that the grant allows. 256 at most. One of Decrypt, Encrypt, GenerateDataKey,
                GenerateDataKeyWithoutPlaintext, ReEncryptFrom, ReEncryptTo, Sign, Verify, GetPublicKey, CreateGrant, RetireGrant,
                DescribeKey, GenerateDataKeyPair, GenerateDataKeyPairWithoutPlaintext, GenerateMac, VerifyMac, DeriveSharedSecret,
                Encapsulate, Decapsulate.
            constraints: Conditions that a request must meet for the grant to count.
            grant_tokens: Tokens of grants that may not have reached every replica yet, at most ten. 10 at most, each of 1 to 8192
                characters. Secret: it is never shown.
            name: Name that the grant was made under; makes a repeated creation find the same grant. 1 to 256 characters.
            dry_run: Checks everything and does nothing; the answer is then always an error.
            grantee_service_principal: Service principal that receives the permission. 1 to 128 characters.
            retiring_service_principal: Service principal that may end the grant. 1 to 128 characters.
            timeout: Seconds; 10 unless it is given.
            client_token: Repeats the change that was made under it; a new one unless it is given.
            caller_request_id: A name of the caller's own in the audit record.

        Returns:
            `grant_token`: Token that makes the grant count at once on every replica.
            `grant_id`: Id of the grant.

        Raises:
            errors.NotFoundException, errors.DisabledException, errors.DependencyTimeoutException, errors.InvalidArnException,
            errors.KMSInternalException, errors.InvalidGrantTokenException, errors.LimitExceededException, errors.KMSInvalidStateException,
            errors.DryRunOperationException, and what every call may meet.
        """
        request = grants_pb2.CreateGrantRequest(
            key_id=key_id,
            grantee_principal=grantee_principal,
            retiring_principal=retiring_principal,
            operations=words.GRANT_OPERATION.many(operations),
            constraints=message(types_pb2.GrantConstraints, constraints),
            grant_tokens=texts("grant_tokens", grant_tokens),
            name=name,
            dry_run=dry_run,
            grantee_service_principal=grantee_service_principal,
            retiring_service_principal=retiring_service_principal,
        )
        return self._send(methods.CREATE_GRANT, request, timeout, client_token, caller_request_id)

    def list_grants(
        self,
        *,
        key_id: str,
        limit: int | None = None,
        marker: str | None = None,
        grant_id: str | None = None,
        grantee_principal: str | None = None,
        grantee_service_principal: str | None = None,
        timeout: float | None = None,
        caller_request_id: str | None = None,
    ) -> grants_pb2.ListGrantsResponse:
        """Lists the grants of a key.

        Args:
            limit: Largest number of entries in one answer. 1 to 1000.
            marker: Where the listing goes on: the marker of the answer before. 1 to 1024 characters.
            key_id: Key that the call is about; answers carry the key ARN. 1 to 2048 characters. A key id or key ARN.
            grant_id: Id of the grant. 1 to 128 characters.
            grantee_principal: Principal that receives the permission. 1 to 256 characters.
            grantee_service_principal: Service principal that receives the permission. 1 to 128 characters.
            timeout: Seconds; 10 unless it is given.
            caller_request_id: A name of the caller's own in the audit record.

        Returns:
            `grants`: The grants.
            `next_marker`: Marker that asks for the next page; present when there is one.
            `truncated`: Whether there are more entries.

        Raises:
            errors.NotFoundException, errors.DependencyTimeoutException, errors.InvalidMarkerException, errors.InvalidGrantIdException,
            errors.InvalidArnException, errors.KMSInternalException, errors.KMSInvalidStateException, and what every call may meet.
        """
        request = grants_pb2.ListGrantsRequest(
            limit=limit,
            marker=marker,
            key_id=key_id,
            grant_id=grant_id,
            grantee_principal=grantee_principal,
            grantee_service_principal=grantee_service_principal,
        )
        return self._send(methods.LIST_GRANTS, request, timeout, None, caller_request_id)

    def iterate_grants(
        self,
        *,
        key_id: str,
        limit: int | None = None,
        grant_id: str | None = None,
        grantee_principal: str | None = None,
        grantee_service_principal: str | None = None,
        timeout: float | None = None,
        caller_request_id: str | None = None,
    ) -> Iterator[types_pb2.GrantListEntry]:
        """Every item of `list_grants`, page after page, each asked for as it is needed.

        Args:
            limit: Largest number of entries in one answer. 1 to 1000.
            key_id: Key that the call is about; answers carry the key ARN. 1 to 2048 characters. A key id or key ARN.
            grant_id: Id of the grant. 1 to 128 characters.
            grantee_principal: Principal that receives the permission. 1 to 256 characters.
            grantee_service_principal: Service principal that receives the permission. 1 to 128 characters.
            timeout: Seconds of each page; 10 unless it is given.
            caller_request_id: A name of the caller's own in the audit record.

        Raises:
            errors.NotFoundException, errors.DependencyTimeoutException, errors.InvalidMarkerException, errors.InvalidGrantIdException,
            errors.InvalidArnException, errors.KMSInternalException, errors.KMSInvalidStateException, and what every call may meet.
        """
        marker: str | None = None
        while True:
            page = self.list_grants(
                limit=limit,
                key_id=key_id,
                grant_id=grant_id,
                grantee_principal=grantee_principal,
                grantee_service_principal=grantee_service_principal,
                marker=marker,
                timeout=timeout,
                caller_request_id=caller_request_id,
            )
            yield from page.grants
            if not page.truncated:
                return
            marker = page.next_marker

    def list_retirable_grants(
        self,
        *,
        limit: int | None = None,
        marker: str | None = None,
        retiring_principal: str | None = None,
        retiring_service_principal: str | None = None,
        timeout: float | None = None,
        caller_request_id: str | None = None,
    ) -> grants_pb2.ListRetirableGrantsResponse:
        """Lists the grants that a principal may retire.

        Args:
            limit: Largest number of entries in one answer. 1 to 1000.
            marker: Where the listing goes on: the marker of the answer before. 1 to 1024 characters.
            retiring_principal: Principal that may end the grant. 1 to 256 characters.
            retiring_service_principal: Service principal that may end the grant. 1 to 128 characters.
            timeout: Seconds; 10 unless it is given.
            caller_request_id: A name of the caller's own in the audit record.

        Returns:
            `grants`: The grants.
            `next_marker`: Marker that asks for the next page; present when there is one.
            `truncated`: Whether there are more entries.

        Raises:
            errors.DependencyTimeoutException, errors.InvalidMarkerException, errors.InvalidArnException, errors.NotFoundException,
            errors.KMSInternalException, and what every call may meet.
        """
        request = grants_pb2.ListRetirableGrantsRequest(
            limit=limit, marker=marker, retiring_principal=retiring_principal, retiring_service_principal=retiring_service_principal
        )
        return self._send(methods.LIST_RETIRABLE_GRANTS, request, timeout, None, caller_request_id)

    def iterate_retirable_grants(
        self,
        *,
        limit: int | None = None,
        retiring_principal: str | None = None,
        retiring_service_principal: str | None = None,
        timeout: float | None = None,
        caller_request_id: str | None = None,
    ) -> Iterator[types_pb2.GrantListEntry]:
        """Every item of `list_retirable_grants`, page after page, each asked for as it is needed.

        Args:
            limit: Largest number of entries in one answer. 1 to 1000.
            retiring_principal: Principal that may end the grant. 1 to 256 characters.
            retiring_service_principal: Service principal that may end the grant. 1 to 128 characters.
            timeout: Seconds of each page; 10 unless it is given.
            caller_request_id: A name of the caller's own in the audit record.

        Raises:
            errors.DependencyTimeoutException, errors.InvalidMarkerException, errors.InvalidArnException, errors.NotFoundException,
            errors.KMSInternalException, and what every call may meet.
        """
        marker: str | None = None
        while True:
            page = self.list_retirable_grants(
                limit=limit,
                retiring_principal=retiring_principal,
                retiring_service_principal=retiring_service_principal,
                marker=marker,
                timeout=timeout,
                caller_request_id=caller_request_id,
            )
            yield from page.grants
            if not page.truncated:
                return
            marker = page.next_marker

    def retire_grant(
        self,
        *,
        grant_token: str | None = None,
        key_id: str | None = None,
        grant_id: str | None = None,
        dry_run: bool | None = None,
        timeout: float | None = None,
        client_token: str | None = None,
        caller_request_id: str | None = None,
    ) -> grants_pb2.RetireGrantResponse:
        """Ends a grant by the one who uses it.

        Args:
            grant_token: Token that makes the grant count at once on every replica. 1 to 8192 characters. Secret: it is never shown.
            key_id: Key that the call is about; answers carry the key ARN. 1 to 2048 characters. A key id or key ARN.
            grant_id: Id of the grant. 1 to 128 characters.
            dry_run: Checks everything and does nothing; the answer is then always an error.
            timeout: Seconds; 10 unless it is given.
            client_token: Repeats the change that was made under it; a new one unless it is given.
            caller_request_id: A name of the caller's own in the audit record.

        Returns:
            An answer without fields.

        Raises:
            errors.InvalidArnException, errors.InvalidGrantTokenException, errors.InvalidGrantIdException, errors.NotFoundException,
            errors.DependencyTimeoutException, errors.KMSInternalException, errors.KMSInvalidStateException,
            errors.DryRunOperationException, and what every call may meet.
        """
        request = grants_pb2.RetireGrantRequest(grant_token=grant_token, key_id=key_id, grant_id=grant_id, dry_run=dry_run)
        return self._send(methods.RETIRE_GRANT, request, timeout, client_token, caller_request_id)

    def revoke_grant(
        self,
        *,
        key_id: str,
        grant_id: str,
        dry_run: bool | None = None,
        timeout: float | None = None,
        client_token: str | None = None,
        caller_request_id: str | None = None,
    ) -> grants_pb2.RevokeGrantResponse:
        """Ends a grant by the one who administers the key.

        Args:
            key_id: Key that the call is about; answers carry the key ARN. 1 to 2048 characters. A key id or key ARN.
            grant_id: Id of the grant. 1 to 128 characters.
            dry_run: Checks everything and does nothing; the answer is then always an error.
            timeout: Seconds; 10 unless it is given.
            client_token: Repeats the change that was made under it; a new one unless it is given.
            caller_request_id: A name of the caller's own in the audit record.

        Returns:
            An answer without fields.

        Raises:
            errors.NotFoundException, errors.DependencyTimeoutException, errors.InvalidArnException, errors.InvalidGrantIdException,
            errors.KMSInternalException, errors.KMSInvalidStateException, errors.DryRunOperationException, and what every call may meet.
        """
        request = grants_pb2.RevokeGrantRequest(key_id=key_id, grant_id=grant_id, dry_run=dry_run)
        return self._send(methods.REVOKE_GRANT, request, timeout, client_token, caller_request_id)

    def tag_resource(
        self,
        *,
        key_id: str,
        tags: Sequence[types_pb2.Tag | fields.TagFields],
        timeout: float | None = None,
        client_token: str | None = None,
        caller_request_id: str | None = None,
    ) -> tags_pb2.TagResourceResponse:
        """Adds tags to a key, or replaces their values.

        Args:
            key_id: Key that the call is about; answers carry the key ARN. 1 to 2048 characters. A key id or key ARN.
            tags: Tags: names with values. 256 at most.
            timeout: Seconds; 10 unless it is given.
            client_token: Repeats the change that was made under it; a new one unless it is given.
            caller_request_id: A name of the caller's own in the audit record.

        Returns:
            An answer without fields.

        Raises:
            errors.KMSInternalException, errors.NotFoundException, errors.InvalidArnException, errors.KMSInvalidStateException,
            errors.LimitExceededException, errors.TagException, and what every call may meet.
        """
        request = tags_pb2.TagResourceRequest(key_id=key_id, tags=messages(types_pb2.Tag, tags))
        return self._send(methods.TAG_RESOURCE, request, timeout, client_token, caller_request_id)

    def untag_resource(
        self,
        *,
        key_id: str,
        tag_keys: Sequence[str],
        timeout: float | None = None,
        client_token: str | None = None,
        caller_request_id: str | None = None,
    ) -> tags_pb2.UntagResourceResponse:
        """Removes tags from a key.

        Args:
            key_id: Key that the call is about; answers carry the key ARN. 1 to 2048 characters. A key id or key ARN.
            tag_keys: Names of the tags. 256 at most, each of 1 to 128 characters.
            timeout: Seconds; 10 unless it is given.
            client_token: Repeats the change that was made under it; a new one unless it is given.
            caller_request_id: A name of the caller's own in the audit record.

        Returns:
            An answer without fields.

        Raises:
            errors.KMSInternalException, errors.NotFoundException, errors.InvalidArnException, errors.KMSInvalidStateException,
            errors.TagException, and what every call may meet.
        """
        request = tags_pb2.UntagResourceRequest(key_id=key_id, tag_keys=texts("tag_keys", tag_keys))
        return self._send(methods.UNTAG_RESOURCE, request, timeout, client_token, caller_request_id)

    def list_resource_tags(
        self,
        *,
        key_id: str,
        limit: int | None = None,
        marker: str | None = None,
        timeout: float | None = None,
        caller_request_id: str | None = None,
    ) -> tags_pb2.ListResourceTagsResponse:
        """Lists the tags of a key.

        Args:
            key_id: Key that the call is about; answers carry the key ARN. 1 to 2048 characters. A key id or key ARN.
            limit: Largest number of entries in one answer. 1 to 1000.
            marker: Where the listing goes on: the marker of the answer before. 1 to 1024 characters.
            timeout: Seconds; 10 unless it is given.
            caller_request_id: A name of the caller's own in the audit record.

        Returns:
            `tags`: Tags: names with values.
            `next_marker`: Marker that asks for the next page; present when there is one.
            `truncated`: Whether there are more entries.

        Raises:
            errors.KMSInternalException, errors.NotFoundException, errors.InvalidArnException, errors.InvalidMarkerException, and what every
            call may meet.
        """
        request = tags_pb2.ListResourceTagsRequest(key_id=key_id, limit=limit, marker=marker)
        return self._send(methods.LIST_RESOURCE_TAGS, request, timeout, None, caller_request_id)

    def iterate_resource_tags(
        self, *, key_id: str, limit: int | None = None, timeout: float | None = None, caller_request_id: str | None = None
    ) -> Iterator[types_pb2.Tag]:
        """Every item of `list_resource_tags`, page after page, each asked for as it is needed.

        Args:
            key_id: Key that the call is about; answers carry the key ARN. 1 to 2048 characters. A key id or key ARN.
            limit: Largest number of entries in one answer. 1 to 1000.
            timeout: Seconds of each page; 10 unless it is given.
            caller_request_id: A name of the caller's own in the audit record.

        Raises:
            errors.KMSInternalException, errors.NotFoundException, errors.InvalidArnException, errors.InvalidMarkerException, and what every
            call may meet.
        """
        marker: str | None = None
        while True:
            page = self.list_resource_tags(key_id=key_id, limit=limit, marker=marker, timeout=timeout, caller_request_id=caller_request_id)
            yield from page.tags
            if not page.truncated:
                return
            marker = page.next_marker

    def enable_key_rotation(
        self,
        *,
        key_id: str,
        rotation_period_in_days: int | None = None,
        timeout: float | None = None,
        client_token: str | None = None,
        caller_request_id: str | None = None,
    ) -> rotation_pb2.EnableKeyRotationResponse:
        """Lets a key rotate by itself.

        Args:
            key_id: Key that the call is about; answers carry the key ARN. 1 to 2048 characters. A key id or key ARN.
            rotation_period_in_days: Days between automatic rotations. 90 to 2560.
            timeout: Seconds; 10 unless it is given.
            client_token: Repeats the change that was made under it; a new one unless it is given.
            caller_request_id: A name of the caller's own in the audit record.

        Returns:
            An answer without fields.

        Raises:
            errors.NotFoundException, errors.DisabledException, errors.InvalidArnException, errors.DependencyTimeoutException,
            errors.KMSInternalException, errors.KMSInvalidStateException, errors.UnsupportedOperationException, and what every call may
            meet.
        """
        request = rotation_pb2.EnableKeyRotationRequest(key_id=key_id, rotation_period_in_days=rotation_period_in_days)
        return self._send(methods.ENABLE_KEY_ROTATION, request, timeout, client_token, caller_request_id)

    def disable_key_rotation(
        self, *, key_id: str, timeout: float | None = None, client_token: str | None = None, caller_request_id: str | None = None
    ) -> rotation_pb2.DisableKeyRotationResponse:
        """Stops a key from rotating by itself.

        Args:
            key_id: Key that the call is about; answers carry the key ARN. 1 to 2048 characters. A key id or key ARN.
            timeout: Seconds; 10 unless it is given.
            client_token: Repeats the change that was made under it; a new one unless it is given.
            caller_request_id: A name of the caller's own in the audit record.

        Returns:
            An answer without fields.

        Raises:
            errors.NotFoundException, errors.DisabledException, errors.InvalidArnException, errors.DependencyTimeoutException,
            errors.KMSInternalException, errors.KMSInvalidStateException, errors.UnsupportedOperationException, and what every call may
            meet.
        """
        request = rotation_pb2.DisableKeyRotationRequest(key_id=key_id)
        return self._send(methods.DISABLE_KEY_ROTATION, request, timeout, client_token, caller_request_id)

    def get_key_rotation_status(
        self, *, key_id: str, timeout: float | None = None, caller_request_id: str | None = None
    ) -> rotation_pb2.GetKeyRotationStatusResponse:
        """Tells whether and when a key rotates.

        Args:
            key_id: Key that the call is about; answers carry the key ARN. 1 to 2048 characters. A key id or key ARN.
            timeout: Seconds; 10 unless it is given.
            caller_request_id: A name of the caller's own in the audit record.

        Returns:
            `key_rotation_enabled`: Whether the key rotates by itself.
            `key_id`: Key that the call is about; answers carry the key ARN.
            `rotation_period_in_days`: Days between automatic rotations.
            `next_rotation_date`: When the next automatic rotation is due.
            `on_demand_rotation_start_date`: When the on-demand rotation under way began.

        Raises:
            errors.NotFoundException, errors.InvalidArnException, errors.DependencyTimeoutException, errors.KMSInternalException,
            errors.KMSInvalidStateException, errors.UnsupportedOperationException, and what every call may meet.
        """
        request = rotation_pb2.GetKeyRotationStatusRequest(key_id=key_id)
        return self._send(methods.GET_KEY_ROTATION_STATUS, request, timeout, None, caller_request_id)

    def rotate_key_on_demand(
        self, *, key_id: str, timeout: float | None = None, client_token: str | None = None, caller_request_id: str | None = None
    ) -> rotation_pb2.RotateKeyOnDemandResponse:
        """Begins a rotation now.

        Args:
            key_id: Key that the call is about; answers carry the key ARN. 1 to 2048 characters. A key id or key ARN.
            timeout: Seconds; 10 unless it is given.
            client_token: Repeats the change that was made under it; a new one unless it is given.
            caller_request_id: A name of the caller's own in the audit record.

        Returns:
            `key_id`: Key that the call is about; answers carry the key ARN.

        Raises:
            errors.NotFoundException, errors.DisabledException, errors.InvalidArnException, errors.DependencyTimeoutException,
            errors.KMSInternalException, errors.KMSInvalidStateException, errors.UnsupportedOperationException,
            errors.LimitExceededException, errors.ConflictException, and what every call may meet.
        """
        request = rotation_pb2.RotateKeyOnDemandRequest(key_id=key_id)
        return self._send(methods.ROTATE_KEY_ON_DEMAND, request, timeout, client_token, caller_request_id)

    def list_key_rotations(
        self,
        *,
        key_id: str,
        include_key_material: words.IncludeKeyMaterial | None = None,
        limit: int | None = None,
        marker: str | None = None,
        timeout: float | None = None,
        caller_request_id: str | None = None,
    ) -> rotation_pb2.ListKeyRotationsResponse:
        """Lists the materials of a key.

        Args:
            key_id: Key that the call is about; answers carry the key ARN. 1 to 2048 characters. A key id or key ARN.
            include_key_material: Which materials the listing shows. One of ALL_KEY_MATERIAL, ROTATIONS_ONLY.
            limit: Largest number of entries in one answer. 1 to 1000.
            marker: Where the listing goes on: the marker of the answer before. 1 to 1024 characters.
            timeout: Seconds; 10 unless it is given.
            caller_request_id: A name of the caller's own in the audit record.

        Returns:
            `rotations`: The materials of the key and how each became current.
            `next_marker`: Marker that asks for the next page; present when there is one.
            `truncated`: Whether there are more entries.

        Raises:
            errors.NotFoundException, errors.InvalidArnException, errors.InvalidMarkerException, errors.KMSInternalException,
            errors.KMSInvalidStateException, errors.UnsupportedOperationException, and what every call may meet.
        """
        request = rotation_pb2.ListKeyRotationsRequest(
            key_id=key_id, include_key_material=words.INCLUDE_KEY_MATERIAL.number(include_key_material), limit=limit, marker=marker
        )
        return self._send(methods.LIST_KEY_ROTATIONS, request, timeout, None, caller_request_id)

    def iterate_key_rotations(
        self,
        *,
        key_id: str,
        include_key_material: words.IncludeKeyMaterial | None = None,
        limit: int | None = None,
        timeout: float | None = None,
        caller_request_id: str | None = None,
    ) -> Iterator[types_pb2.RotationsListEntry]:
        """Every item of `list_key_rotations`, page after page, each asked for as it is needed.

        Args:
            key_id: Key that the call is about; answers carry the key ARN. 1 to 2048 characters. A key id or key ARN.
            include_key_material: Which materials the listing shows. One of ALL_KEY_MATERIAL, ROTATIONS_ONLY.
            limit: Largest number of entries in one answer. 1 to 1000.
            timeout: Seconds of each page; 10 unless it is given.
            caller_request_id: A name of the caller's own in the audit record.

        Raises:
            errors.NotFoundException, errors.InvalidArnException, errors.InvalidMarkerException, errors.KMSInternalException,
            errors.KMSInvalidStateException, errors.UnsupportedOperationException, and what every call may meet.
        """
        marker: str | None = None
        while True:
            page = self.list_key_rotations(
                key_id=key_id,
                include_key_material=include_key_material,
                limit=limit,
                marker=marker,
                timeout=timeout,
                caller_request_id=caller_request_id,
            )
            yield from page.rotations
            if not page.truncated:
                return
            marker = page.next_marker

    def get_parameters_for_import(
        self,
        *,
        key_id: str,
        wrapping_algorithm: words.AlgorithmSpec,
        wrapping_key_spec: words.WrappingKeySpec,
        timeout: float | None = None,
        caller_request_id: str | None = None,
    ) -> imports_pb2.GetParametersForImportResponse:
        """Gives a wrapping key and a token for an import.

        Args:
            key_id: Key that the call is about; answers carry the key ARN. 1 to 2048 characters. A key id or key ARN.
            wrapping_algorithm: How the material will be wrapped. One of RSAES_PKCS1_V1_5, RSAES_OAEP_SHA_1, RSAES_OAEP_SHA_256,
                RSA_AES_KEY_WRAP_SHA_1, RSA_AES_KEY_WRAP_SHA_256, SM2PKE.
            wrapping_key_spec: Kind of the wrapping key. One of RSA_2048, RSA_3072, RSA_4096, SM2.
            timeout: Seconds; 30 unless it is given.
            caller_request_id: A name of the caller's own in the audit record.

        Returns:
            `key_id`: Key that the call is about; answers carry the key ARN.
            `import_token`: Token that ties an import to its key and wrapping key.
            `public_key`: Public key, DER SubjectPublicKeyInfo.
            `parameters_valid_to`: When the wrapping key and token stop working.

        Raises:
            errors.InvalidArnException, errors.UnsupportedOperationException, errors.DependencyTimeoutException, errors.NotFoundException,
            errors.KMSInternalException, errors.KMSInvalidStateException, and what every call may meet.
        """
        request = imports_pb2.GetParametersForImportRequest(
            key_id=key_id,
            wrapping_algorithm=words.ALGORITHM_SPEC.number(wrapping_algorithm),
            wrapping_key_spec=words.WRAPPING_KEY_SPEC.number(wrapping_key_spec),
        )
        return self._send(methods.GET_PARAMETERS_FOR_IMPORT, request, timeout, None, caller_request_id)

    def import_key_material(
        self,
        *,
        key_id: str,
        import_token: bytes,
        encrypted_key_material: bytes,
        valid_to: datetime | timestamp_pb2.Timestamp | None = None,
        expiration_model: words.ExpirationModelType | None = None,
        import_type: words.ImportType | None = None,
        key_material_description: str | None = None,
        key_material_id: str | None = None,
        timeout: float | None = None,
        client_token: str | None = None,
        caller_request_id: str | None = None,
    ) -> imports_pb2.ImportKeyMaterialResponse:
        """Brings key material into a key.

        Args:
            key_id: Key that the call is about; answers carry the key ARN. 1 to 2048 characters. A key id or key ARN.
            import_token: Token that ties an import to its key and wrapping key. 1 to 6144 bytes. Secret: it is never shown.
            encrypted_key_material: Key material, wrapped under the public key given for this import. 1 to 6144 bytes. Secret: it is never
                shown.
            valid_to: When the material expires.
            expiration_model: Whether the material expires. One of KEY_MATERIAL_EXPIRES, KEY_MATERIAL_DOES_NOT_EXPIRE.
            import_type: Whether the material is new to the key or known to it. One of NEW_KEY_MATERIAL, EXISTING_KEY_MATERIAL.
            key_material_description: Free text about the material. 0 to 256 characters.
            key_material_id: Id of the key material that was used, 64 hexadecimal digits. 64 characters.
            timeout: Seconds; 30 unless it is given.
            client_token: Repeats the change that was made under it; a new one unless it is given.
            caller_request_id: A name of the caller's own in the audit record.

        Returns:
            `key_id`: Key that the call is about; answers carry the key ARN.
            `key_material_id`: Id of the key material that was used, 64 hexadecimal digits.

        Raises:
            errors.InvalidArnException, errors.UnsupportedOperationException, errors.DependencyTimeoutException, errors.NotFoundException,
            errors.KMSInternalException, errors.KMSInvalidStateException, errors.InvalidCiphertextException,
            errors.IncorrectKeyMaterialException, errors.ExpiredImportTokenException, errors.InvalidImportTokenException, and what every
            call may meet.
        """
        request = imports_pb2.ImportKeyMaterialRequest(
            key_id=key_id,
            import_token=import_token,
            encrypted_key_material=encrypted_key_material,
            valid_to=moment(valid_to),
            expiration_model=words.EXPIRATION_MODEL_TYPE.number(expiration_model),
            import_type=words.IMPORT_TYPE.number(import_type),
            key_material_description=key_material_description,
            key_material_id=key_material_id,
        )
        return self._send(methods.IMPORT_KEY_MATERIAL, request, timeout, client_token, caller_request_id)

    def delete_imported_key_material(
        self,
        *,
        key_id: str,
        key_material_id: str | None = None,
        timeout: float | None = None,
        client_token: str | None = None,
        caller_request_id: str | None = None,
    ) -> imports_pb2.DeleteImportedKeyMaterialResponse:
        """Erases imported material at once.

        Args:
            key_id: Key that the call is about; answers carry the key ARN. 1 to 2048 characters. A key id or key ARN.
            key_material_id: Id of the key material that was used, 64 hexadecimal digits. 64 characters.
            timeout: Seconds; 10 unless it is given.
            client_token: Repeats the change that was made under it; a new one unless it is given.
            caller_request_id: A name of the caller's own in the audit record.

        Returns:
            `key_id`: Key that the call is about; answers carry the key ARN.
            `key_material_id`: Id of the key material that was used, 64 hexadecimal digits.

        Raises:
            errors.InvalidArnException, errors.UnsupportedOperationException, errors.DependencyTimeoutException, errors.NotFoundException,
            errors.KMSInternalException, errors.KMSInvalidStateException, and what every call may meet.
        """
        request = imports_pb2.DeleteImportedKeyMaterialRequest(key_id=key_id, key_material_id=key_material_id)
        return self._send(methods.DELETE_IMPORTED_KEY_MATERIAL, request, timeout, client_token, caller_request_id)

    def replicate_key(
        self,
        *,
        key_id: str,
        replica_region: str,
        policy: str | None = None,
        bypass_policy_lockout_safety_check: bool | None = None,
        description: str | None = None,
        tags: Sequence[types_pb2.Tag | fields.TagFields] | None = None,
        account_delegation: bool | None = None,
        timeout: float | None = None,
        client_token: str | None = None,
        caller_request_id: str | None = None,
    ) -> multi_region_pb2.ReplicateKeyResponse:
        """Makes a replica of a primary key in another Region.

        Args:
            key_id: Key that the call is about; answers carry the key ARN. 1 to 2048 characters. A key id or key ARN.
            replica_region: Region that receives the replica. 1 to 32 characters.
            policy: Text of the key policy: Cedar here, at most 32 KiB. 1 to 131072 characters.
            bypass_policy_lockout_safety_check: Stores the policy even if the caller could not change it again.
            description: Free text about the key; nothing secret belongs in it. 0 to 8192 characters.
            tags: Tags: names with values. 256 at most.
            account_delegation: Whether policies of the account apply to this key beside its own; true when absent. Not a field of AWS,
                where the statement for the account root says it.
            timeout: Seconds; 10 unless it is given.
            client_token: Repeats the change that was made under it; a new one unless it is given.
            caller_request_id: A name of the caller's own in the audit record.

        Returns:
            `replica_key_metadata`: Metadata of the replica.
            `replica_policy`: Policy of the replica.
            `replica_tags`: Tags of the replica.

        Raises:
            errors.AlreadyExistsException, errors.DisabledException, errors.InvalidArnException, errors.KMSInvalidStateException,
            errors.KMSInternalException, errors.LimitExceededException, errors.MalformedPolicyDocumentException, errors.NotFoundException,
            errors.TagException, errors.UnsupportedOperationException, and what every call may meet.
        """
        request = multi_region_pb2.ReplicateKeyRequest(
            key_id=key_id,
            replica_region=replica_region,
            policy=policy,
            bypass_policy_lockout_safety_check=bypass_policy_lockout_safety_check,
            description=description,
            tags=messages(types_pb2.Tag, tags),
            account_delegation=account_delegation,
        )
        return self._send(methods.REPLICATE_KEY, request, timeout, client_token, caller_request_id)

    def update_primary_region(
        self,
        *,
        key_id: str,
        primary_region: str,
        timeout: float | None = None,
        client_token: str | None = None,
        caller_request_id: str | None = None,
    ) -> multi_region_pb2.UpdatePrimaryRegionResponse:
        """Makes a replica the primary of its set.

        Args:
            key_id: Key that the call is about; answers carry the key ARN. 1 to 2048 characters. A key id or key ARN.
            primary_region: Region that becomes primary. 1 to 32 characters.
            timeout: Seconds; 10 unless it is given.
            client_token: Repeats the change that was made under it; a new one unless it is given.
            caller_request_id: A name of the caller's own in the audit record.

        Returns:
            An answer without fields.

        Raises:
            errors.DisabledException, errors.InvalidArnException, errors.KMSInvalidStateException, errors.KMSInternalException,
            errors.NotFoundException, errors.UnsupportedOperationException, and what every call may meet.
        """
        request = multi_region_pb2.UpdatePrimaryRegionRequest(key_id=key_id, primary_region=primary_region)
        return self._send(methods.UPDATE_PRIMARY_REGION, request, timeout, client_token, caller_request_id)

    def create_custom_key_store(
        self,
        *,
        custom_key_store_name: str,
        cloud_hsm_cluster_id: str | None = None,
        trust_anchor_certificate: str | None = None,
        key_store_password: str | None = None,
        custom_key_store_type: words.CustomKeyStoreType | None = None,
        xks_proxy_uri_endpoint: str | None = None,
        xks_proxy_uri_path: str | None = None,
        xks_proxy_vpc_endpoint_service_name: str | None = None,
        xks_proxy_vpc_endpoint_service_owner: str | None = None,
        xks_proxy_authentication_credential: types_pb2.XksProxyAuthenticationCredentialType
        | fields.XksProxyAuthenticationCredentialFields
        | None = None,
        xks_proxy_connectivity: words.XksProxyConnectivityType | None = None,
        timeout: float | None = None,
        client_token: str | None = None,
        caller_request_id: str | None = None,
    ) -> key_stores_pb2.CreateCustomKeyStoreResponse:
        """Registers a key store outside this service.

        Args:
            custom_key_store_name: Name of the custom key store, unique in the account and Region. 1 to 256 characters.
            cloud_hsm_cluster_id: Id of the HSM cluster behind the store. 19 to 24 characters.
            trust_anchor_certificate: Certificate that the HSM cluster's own certificates lead to, PEM. 1 to 5000 characters.
            key_store_password: Password of the store's user in the HSM cluster. 7 to 32 characters. Secret: it is never shown.
            custom_key_store_type: Kind of the store. One of AWS_CLOUDHSM, EXTERNAL_KEY_STORE.
            xks_proxy_uri_endpoint: Address of the external key store proxy, https only. 10 to 128 characters.
            xks_proxy_uri_path: Path of the proxy's API on its address. 10 to 128 characters.
            xks_proxy_vpc_endpoint_service_name: Name of the private endpoint service that leads to the proxy. 20 to 64 characters.
            xks_proxy_vpc_endpoint_service_owner: Account that owns the private endpoint service. 12 characters.
            xks_proxy_authentication_credential: Credential that signs requests to the proxy.
            xks_proxy_connectivity: How the proxy is reached. One of PUBLIC_ENDPOINT, VPC_ENDPOINT_SERVICE.
            timeout: Seconds; 10 unless it is given.
            client_token: Repeats the change that was made under it; a new one unless it is given.
            caller_request_id: A name of the caller's own in the audit record.

        Returns:
            `custom_key_store_id`: Id of a custom key store.

        Raises:
            errors.CloudHsmClusterInUseException, errors.CustomKeyStoreNameInUseException, errors.CloudHsmClusterNotFoundException,
            errors.KMSInternalException, errors.CloudHsmClusterNotActiveException, errors.IncorrectTrustAnchorException,
            errors.CloudHsmClusterInvalidConfigurationException, errors.LimitExceededException, errors.XksProxyUriInUseException,
            errors.XksProxyUriEndpointInUseException, errors.XksProxyUriUnreachableException,
            errors.XksProxyIncorrectAuthenticationCredentialException, errors.XksProxyVpcEndpointServiceInUseException,
            errors.XksProxyVpcEndpointServiceNotFoundException, errors.XksProxyVpcEndpointServiceInvalidConfigurationException,
            errors.XksProxyInvalidResponseException, errors.XksProxyInvalidConfigurationException, and what every call may meet.
        """
        request = key_stores_pb2.CreateCustomKeyStoreRequest(
            custom_key_store_name=custom_key_store_name,
            cloud_hsm_cluster_id=cloud_hsm_cluster_id,
            trust_anchor_certificate=trust_anchor_certificate,
            key_store_password=key_store_password,
            custom_key_store_type=words.CUSTOM_KEY_STORE_TYPE.number(custom_key_store_type),
            xks_proxy_uri_endpoint=xks_proxy_uri_endpoint,
            xks_proxy_uri_path=xks_proxy_uri_path,
            xks_proxy_vpc_endpoint_service_name=xks_proxy_vpc_endpoint_service_name,
            xks_proxy_vpc_endpoint_service_owner=xks_proxy_vpc_endpoint_service_owner,
            xks_proxy_authentication_credential=message(
                types_pb2.XksProxyAuthenticationCredentialType, xks_proxy_authentication_credential
            ),
            xks_proxy_connectivity=words.XKS_PROXY_CONNECTIVITY_TYPE.number(xks_proxy_connectivity),
        )
        return self._send(methods.CREATE_CUSTOM_KEY_STORE, request, timeout, client_token, caller_request_id)

    def describe_custom_key_stores(
        self,
        *,
        custom_key_store_id: str | None = None,
        custom_key_store_name: str | None = None,
        limit: int | None = None,
        marker: str | None = None,
        timeout: float | None = None,
        caller_request_id: str | None = None,
    ) -> key_stores_pb2.DescribeCustomKeyStoresResponse:
        """Tells about custom key stores.

        Args:
            custom_key_store_id: Id of a custom key store. 1 to 64 characters.
            custom_key_store_name: Name of the custom key store, unique in the account and Region. 1 to 256 characters.
            limit: Largest number of entries in one answer. 1 to 1000.
            marker: Where the listing goes on: the marker of the answer before. 1 to 1024 characters.
            timeout: Seconds; 10 unless it is given.
            caller_request_id: A name of the caller's own in the audit record.

        Returns:
            `custom_key_stores`: The custom key stores.
            `next_marker`: Marker that asks for the next page; present when there is one.
            `truncated`: Whether there are more entries.

        Raises:
            errors.CustomKeyStoreNotFoundException, errors.InvalidMarkerException, errors.KMSInternalException, and what every call may
            meet.
        """
        request = key_stores_pb2.DescribeCustomKeyStoresRequest(
            custom_key_store_id=custom_key_store_id, custom_key_store_name=custom_key_store_name, limit=limit, marker=marker
        )
        return self._send(methods.DESCRIBE_CUSTOM_KEY_STORES, request, timeout, None, caller_request_id)

    def iterate_custom_key_stores(
        self,
        *,
        custom_key_store_id: str | None = None,
        custom_key_store_name: str | None = None,
        limit: int | None = None,
        timeout: float | None = None,
        caller_request_id: str | None = None,
    ) -> Iterator[types_pb2.CustomKeyStoresListEntry]:
        """Every item of `describe_custom_key_stores`, page after page, each asked for as it is needed.

        Args:
            custom_key_store_id: Id of a custom key store. 1 to 64 characters.
            custom_key_store_name: Name of the custom key store, unique in the account and Region. 1 to 256 characters.
            limit: Largest number of entries in one answer. 1 to 1000.
            timeout: Seconds of each page; 10 unless it is given.
            caller_request_id: A name of the caller's own in the audit record.

        Raises:
            errors.CustomKeyStoreNotFoundException, errors.InvalidMarkerException, errors.KMSInternalException, and what every call may
            meet.
        """
        marker: str | None = None
        while True:
            page = self.describe_custom_key_stores(
                custom_key_store_id=custom_key_store_id,
                custom_key_store_name=custom_key_store_name,
                limit=limit,
                marker=marker,
                timeout=timeout,
                caller_request_id=caller_request_id,
            )
            yield from page.custom_key_stores
            if not page.truncated:
                return
            marker = page.next_marker

    def update_custom_key_store(
        self,
        *,
        custom_key_store_id: str,
        new_custom_key_store_name: str | None = None,
        key_store_password: str | None = None,
        cloud_hsm_cluster_id: str | None = None,
        xks_proxy_uri_endpoint: str | None = None,
        xks_proxy_uri_path: str | None = None,
        xks_proxy_vpc_endpoint_service_name: str | None = None,
        xks_proxy_vpc_endpoint_service_owner: str | None = None,
        xks_proxy_authentication_credential: types_pb2.XksProxyAuthenticationCredentialType
        | fields.XksProxyAuthenticationCredentialFields
        | None = None,
        xks_proxy_connectivity: words.XksProxyConnectivityType | None = None,
        timeout: float | None = None,
        client_token: str | None = None,
        caller_request_id: str | None = None,
    ) -> key_stores_pb2.UpdateCustomKeyStoreResponse:
        """Changes a custom key store.

        Args:
            custom_key_store_id: Id of a custom key store. 1 to 64 characters.
            new_custom_key_store_name: New name of the store. 1 to 256 characters.
            key_store_password: Password of the store's user in the HSM cluster. 7 to 32 characters. Secret: it is never shown.
            cloud_hsm_cluster_id: Id of the HSM cluster behind the store. 19 to 24 characters.
            xks_proxy_uri_endpoint: Address of the external key store proxy, https only. 10 to 128 characters.
            xks_proxy_uri_path: Path of the proxy's API on its address. 10 to 128 characters.
            xks_proxy_vpc_endpoint_service_name: Name of the private endpoint service that leads to the proxy. 20 to 64 characters.
            xks_proxy_vpc_endpoint_service_owner: Account that owns the private endpoint service. 12 characters.
            xks_proxy_authentication_credential: Credential that signs requests to the proxy.
            xks_proxy_connectivity: How the proxy is reached. One of PUBLIC_ENDPOINT, VPC_ENDPOINT_SERVICE.
            timeout: Seconds; 10 unless it is given.
            client_token: Repeats the change that was made under it; a new one unless it is given.
            caller_request_id: A name of the caller's own in the audit record.

        Returns:
            An answer without fields.

        Raises:
            errors.CustomKeyStoreNotFoundException, errors.CustomKeyStoreNameInUseException, errors.CloudHsmClusterNotFoundException,
            errors.CloudHsmClusterNotRelatedException, errors.CustomKeyStoreInvalidStateException, errors.KMSInternalException,
            errors.CloudHsmClusterNotActiveException, errors.CloudHsmClusterInvalidConfigurationException, errors.XksProxyUriInUseException,
            errors.XksProxyUriEndpointInUseException, errors.XksProxyUriUnreachableException,
            errors.XksProxyIncorrectAuthenticationCredentialException, errors.XksProxyVpcEndpointServiceInUseException,
            errors.XksProxyVpcEndpointServiceNotFoundException, errors.XksProxyVpcEndpointServiceInvalidConfigurationException,
            errors.XksProxyInvalidResponseException, errors.XksProxyInvalidConfigurationException, and what every call may meet.
        """
        request = key_stores_pb2.UpdateCustomKeyStoreRequest(
            custom_key_store_id=custom_key_store_id,
            new_custom_key_store_name=new_custom_key_store_name,
            key_store_password=key_store_password,
            cloud_hsm_cluster_id=cloud_hsm_cluster_id,
            xks_proxy_uri_endpoint=xks_proxy_uri_endpoint,
            xks_proxy_uri_path=xks_proxy_uri_path,
            xks_proxy_vpc_endpoint_service_name=xks_proxy_vpc_endpoint_service_name,
            xks_proxy_vpc_endpoint_service_owner=xks_proxy_vpc_endpoint_service_owner,
            xks_proxy_authentication_credential=message(
                types_pb2.XksProxyAuthenticationCredentialType, xks_proxy_authentication_credential
            ),
            xks_proxy_connectivity=words.XKS_PROXY_CONNECTIVITY_TYPE.number(xks_proxy_connectivity),
        )
        return self._send(methods.UPDATE_CUSTOM_KEY_STORE, request, timeout, client_token, caller_request_id)

    def connect_custom_key_store(
        self,
        *,
        custom_key_store_id: str,
        timeout: float | None = None,
        client_token: str | None = None,
        caller_request_id: str | None = None,
    ) -> key_stores_pb2.ConnectCustomKeyStoreResponse:
        """Connects a custom key store.

        Args:
            custom_key_store_id: Id of a custom key store. 1 to 64 characters.
            timeout: Seconds; 10 unless it is given.
            client_token: Repeats the change that was made under it; a new one unless it is given.
            caller_request_id: A name of the caller's own in the audit record.

        Returns:
            An answer without fields.

        Raises:
            errors.CloudHsmClusterNotActiveException, errors.CustomKeyStoreInvalidStateException, errors.CustomKeyStoreNotFoundException,
            errors.KMSInternalException, errors.CloudHsmClusterInvalidConfigurationException, and what every call may meet.
        """
        request = key_stores_pb2.ConnectCustomKeyStoreRequest(custom_key_store_id=custom_key_store_id)
        return self._send(methods.CONNECT_CUSTOM_KEY_STORE, request, timeout, client_token, caller_request_id)

    def disconnect_custom_key_store(
        self,
        *,
        custom_key_store_id: str,
        timeout: float | None = None,
        client_token: str | None = None,
        caller_request_id: str | None = None,
    ) -> key_stores_pb2.DisconnectCustomKeyStoreResponse:
        """Disconnects a custom key store.

        Args:
            custom_key_store_id: Id of a custom key store. 1 to 64 characters.
            timeout: Seconds; 10 unless it is given.
            client_token: Repeats the change that was made under it; a new one unless it is given.
            caller_request_id: A name of the caller's own in the audit record.

        Returns:
            An answer without fields.

        Raises:
            errors.CustomKeyStoreInvalidStateException, errors.CustomKeyStoreNotFoundException, errors.KMSInternalException, and what every
            call may meet.
        """
        request = key_stores_pb2.DisconnectCustomKeyStoreRequest(custom_key_store_id=custom_key_store_id)
        return self._send(methods.DISCONNECT_CUSTOM_KEY_STORE, request, timeout, client_token, caller_request_id)

    def delete_custom_key_store(
        self,
        *,
        custom_key_store_id: str,
        timeout: float | None = None,
        client_token: str | None = None,
        caller_request_id: str | None = None,
    ) -> key_stores_pb2.DeleteCustomKeyStoreResponse:
        """Removes a custom key store that holds no keys.

        Args:
            custom_key_store_id: Id of a custom key store. 1 to 64 characters.
            timeout: Seconds; 10 unless it is given.
            client_token: Repeats the change that was made under it; a new one unless it is given.
            caller_request_id: A name of the caller's own in the audit record.

        Returns:
            An answer without fields.

        Raises:
            errors.CustomKeyStoreHasCMKsException, errors.CustomKeyStoreInvalidStateException, errors.CustomKeyStoreNotFoundException,
            errors.KMSInternalException, and what every call may meet.
        """
        request = key_stores_pb2.DeleteCustomKeyStoreRequest(custom_key_store_id=custom_key_store_id)
        return self._send(methods.DELETE_CUSTOM_KEY_STORE, request, timeout, client_token, caller_request_id)

    def encrypt(
        self,
        *,
        key_id: str,
        plaintext: bytes,
        encryption_context: Mapping[str, str] | None = None,
        grant_tokens: Sequence[str] | None = None,
        encryption_algorithm: words.EncryptionAlgorithmSpec | None = None,
        dry_run: bool | None = None,
        timeout: float | None = None,
        caller_request_id: str | None = None,
    ) -> encryption_pb2.EncryptResponse:
        """Encrypts up to 4096 bytes under a key.

        Args:
            key_id: Key that the call is about; answers carry the key ARN. 1 to 2048 characters. A key id, key ARN, alias name or alias ARN.
            plaintext: Bytes in the clear. 1 to 4096 bytes. Secret: it is never shown.
            encryption_context: Pairs that are bound to the ciphertext and must be given again to open it; never secret.
            grant_tokens: Tokens of grants that may not have reached every replica yet, at most ten. 10 at most, each of 1 to 8192
                characters. Secret: it is never shown.
            encryption_algorithm: Algorithm of the encryption; SYMMETRIC_DEFAULT when absent. One of SYMMETRIC_DEFAULT, RSAES_OAEP_SHA_1,
                RSAES_OAEP_SHA_256, SM2PKE.
            dry_run: Checks everything and does nothing; the answer is then always an error.
            timeout: Seconds; 5 unless it is given.
            caller_request_id: A name of the caller's own in the audit record.

        Returns:
            `ciphertext_blob`: A ciphertext, with everything needed to find its key.
            `key_id`: Key that the call is about; answers carry the key ARN.
            `encryption_algorithm`: Algorithm of the encryption; SYMMETRIC_DEFAULT when absent.

        Raises:
            errors.NotFoundException, errors.DisabledException, errors.KeyUnavailableException, errors.DependencyTimeoutException,
            errors.InvalidKeyUsageException, errors.InvalidGrantTokenException, errors.KMSInternalException,
            errors.KMSInvalidStateException, errors.DryRunOperationException, and what every call may meet.
        """
        request = encryption_pb2.EncryptRequest(
            key_id=key_id,
            plaintext=plaintext,
            encryption_context=encryption_context,
            grant_tokens=texts("grant_tokens", grant_tokens),
            encryption_algorithm=words.ENCRYPTION_ALGORITHM_SPEC.number(encryption_algorithm),
            dry_run=dry_run,
        )
        return self._send(methods.ENCRYPT, request, timeout, None, caller_request_id)

    def decrypt(
        self,
        *,
        ciphertext_blob: bytes | None = None,
        encryption_context: Mapping[str, str] | None = None,
        grant_tokens: Sequence[str] | None = None,
        key_id: str | None = None,
        encryption_algorithm: words.EncryptionAlgorithmSpec | None = None,
        recipient: types_pb2.RecipientInfo | fields.RecipientInfoFields | None = None,
        dry_run: bool | None = None,
        dry_run_modifiers: Sequence[words.DryRunModifierType] | None = None,
        timeout: float | None = None,
        caller_request_id: str | None = None,
    ) -> encryption_pb2.DecryptResponse:
        """Opens a ciphertext.

        Args:
            ciphertext_blob: A ciphertext, with everything needed to find its key. 1 to 6144 bytes.
            encryption_context: Pairs that are bound to the ciphertext and must be given again to open it; never secret.
            grant_tokens: Tokens of grants that may not have reached every replica yet, at most ten. 10 at most, each of 1 to 8192
                characters. Secret: it is never shown.
            key_id: Key that the call is about; answers carry the key ARN. 1 to 2048 characters. A key id, key ARN, alias name or alias ARN.
            encryption_algorithm: Algorithm of the encryption; SYMMETRIC_DEFAULT when absent. One of SYMMETRIC_DEFAULT, RSAES_OAEP_SHA_1,
                RSAES_OAEP_SHA_256, SM2PKE.
            recipient: Attestation of the enclave that the answer is meant for; refused by this service.
            dry_run: Checks everything and does nothing; the answer is then always an error.
            dry_run_modifiers: What a dry run leaves out. 256 at most. One of IGNORE_CIPHERTEXT.
            timeout: Seconds; 5 unless it is given.
            caller_request_id: A name of the caller's own in the audit record.

        Returns:
            `key_id`: Key that the call is about; answers carry the key ARN.
            `plaintext`: Bytes in the clear.
            `encryption_algorithm`: Algorithm of the encryption; SYMMETRIC_DEFAULT when absent.
            `ciphertext_for_recipient`: Answer encrypted for an attested enclave; never set by this service.
            `key_material_id`: Id of the key material that was used, 64 hexadecimal digits.

        Raises:
            errors.NotFoundException, errors.DisabledException, errors.InvalidCiphertextException, errors.KeyUnavailableException,
            errors.IncorrectKeyException, errors.InvalidKeyUsageException, errors.DependencyTimeoutException,
            errors.InvalidGrantTokenException, errors.KMSInternalException, errors.KMSInvalidStateException,
            errors.DryRunOperationException, and what every call may meet.
        """
        request = encryption_pb2.DecryptRequest(
            ciphertext_blob=ciphertext_blob,
            encryption_context=encryption_context,
            grant_tokens=texts("grant_tokens", grant_tokens),
            key_id=key_id,
            encryption_algorithm=words.ENCRYPTION_ALGORITHM_SPEC.number(encryption_algorithm),
            recipient=message(types_pb2.RecipientInfo, recipient),
            dry_run=dry_run,
            dry_run_modifiers=words.DRY_RUN_MODIFIER_TYPE.many(dry_run_modifiers),
        )
        return self._send(methods.DECRYPT, request, timeout, None, caller_request_id)

    def re_encrypt(
        self,
        *,
        destination_key_id: str,
        ciphertext_blob: bytes | None = None,
        source_encryption_context: Mapping[str, str] | None = None,
        source_key_id: str | None = None,
        destination_encryption_context: Mapping[str, str] | None = None,
        source_encryption_algorithm: words.EncryptionAlgorithmSpec | None = None,
        destination_encryption_algorithm: words.EncryptionAlgorithmSpec | None = None,
        grant_tokens: Sequence[str] | None = None,
        dry_run: bool | None = None,
        dry_run_modifiers: Sequence[words.DryRunModifierType] | None = None,
        timeout: float | None = None,
        caller_request_id: str | None = None,
    ) -> encryption_pb2.ReEncryptResponse:
        """Moves a ciphertext to another key or context; the plaintext never leaves the service.

        Args:
            ciphertext_blob: A ciphertext, with everything needed to find its key. 1 to 6144 bytes.
            source_encryption_context: Context that the given ciphertext was made with.
            source_key_id: Key of the given ciphertext. 1 to 2048 characters. A key id, key ARN, alias name or alias ARN.
            destination_key_id: Key of the new ciphertext. 1 to 2048 characters. A key id, key ARN, alias name or alias ARN.
            destination_encryption_context: Context of the new ciphertext.
            source_encryption_algorithm: Algorithm of the given ciphertext. One of SYMMETRIC_DEFAULT, RSAES_OAEP_SHA_1, RSAES_OAEP_SHA_256,
                SM2PKE.
            destination_encryption_algorithm: Algorithm of the new ciphertext. One of SYMMETRIC_DEFAULT, RSAES_OAEP_SHA_1,
                RSAES_OAEP_SHA_256, SM2PKE.
            grant_tokens: Tokens of grants that may not have reached every replica yet, at most ten. 10 at most, each of 1 to 8192
                characters. Secret: it is never shown.
            dry_run: Checks everything and does nothing; the answer is then always an error.
            dry_run_modifiers: What a dry run leaves out. 256 at most. One of IGNORE_CIPHERTEXT.
            timeout: Seconds; 5 unless it is given.
            caller_request_id: A name of the caller's own in the audit record.

        Returns:
            `ciphertext_blob`: A ciphertext, with everything needed to find its key.
            `source_key_id`: Key of the given ciphertext.
            `key_id`: Key that the call is about; answers carry the key ARN.
            `source_encryption_algorithm`: Algorithm of the given ciphertext.
            `destination_encryption_algorithm`: Algorithm of the new ciphertext.
            `source_key_material_id`: Id of the material that opened the given ciphertext.
            `destination_key_material_id`: Id of the material that made the new ciphertext.

        Raises:
            errors.NotFoundException, errors.DisabledException, errors.InvalidCiphertextException, errors.KeyUnavailableException,
            errors.IncorrectKeyException, errors.DependencyTimeoutException, errors.InvalidKeyUsageException,
            errors.InvalidGrantTokenException, errors.KMSInternalException, errors.KMSInvalidStateException,
            errors.DryRunOperationException, and what every call may meet.
        """
        request = encryption_pb2.ReEncryptRequest(
            ciphertext_blob=ciphertext_blob,
            source_encryption_context=source_encryption_context,
            source_key_id=source_key_id,
            destination_key_id=destination_key_id,
            destination_encryption_context=destination_encryption_context,
            source_encryption_algorithm=words.ENCRYPTION_ALGORITHM_SPEC.number(source_encryption_algorithm),
            destination_encryption_algorithm=words.ENCRYPTION_ALGORITHM_SPEC.number(destination_encryption_algorithm),
            grant_tokens=texts("grant_tokens", grant_tokens),
            dry_run=dry_run,
            dry_run_modifiers=words.DRY_RUN_MODIFIER_TYPE.many(dry_run_modifiers),
        )
        return self._send(methods.RE_ENCRYPT, request, timeout, None, caller_request_id)

    def generate_data_key(
        self,
        *,
        key_id: str,
        encryption_context: Mapping[str, str] | None = None,
        number_of_bytes: int | None = None,
        key_spec: words.DataKeySpec | None = None,
        grant_tokens: Sequence[str] | None = None,
        recipient: types_pb2.RecipientInfo | fields.RecipientInfoFields | None = None,
        dry_run: bool | None = None,
        timeout: float | None = None,
        caller_request_id: str | None = None,
    ) -> data_keys_pb2.GenerateDataKeyResponse:
        """Makes a data key, in the clear and encrypted.

        Args:
            key_id: Key that the call is about; answers carry the key ARN. 1 to 2048 characters. A key id, key ARN, alias name or alias ARN.
            encryption_context: Pairs that are bound to the ciphertext and must be given again to open it; never secret.
            number_of_bytes: Number of bytes to make. 1 to 1024.
            key_spec: Kind of the key material. One of AES_256, AES_128.
            grant_tokens: Tokens of grants that may not have reached every replica yet, at most ten. 10 at most, each of 1 to 8192
                characters. Secret: it is never shown.
            recipient: Attestation of the enclave that the answer is meant for; refused by this service.
            dry_run: Checks everything and does nothing; the answer is then always an error.
            timeout: Seconds; 5 unless it is given.
            caller_request_id: A name of the caller's own in the audit record.

        Returns:
            `ciphertext_blob`: A ciphertext, with everything needed to find its key.
            `plaintext`: Bytes in the clear.
            `key_id`: Key that the call is about; answers carry the key ARN.
            `ciphertext_for_recipient`: Answer encrypted for an attested enclave; never set by this service.
            `key_material_id`: Id of the key material that was used, 64 hexadecimal digits.

        Raises:
            errors.NotFoundException, errors.DisabledException, errors.KeyUnavailableException, errors.DependencyTimeoutException,
            errors.InvalidKeyUsageException, errors.InvalidGrantTokenException, errors.KMSInternalException,
            errors.KMSInvalidStateException, errors.DryRunOperationException, and what every call may meet.
        """
        request = data_keys_pb2.GenerateDataKeyRequest(
            key_id=key_id,
            encryption_context=encryption_context,
            number_of_bytes=number_of_bytes,
            key_spec=words.DATA_KEY_SPEC.number(key_spec),
            grant_tokens=texts("grant_tokens", grant_tokens),
            recipient=message(types_pb2.RecipientInfo, recipient),
            dry_run=dry_run,
        )
        return self._send(methods.GENERATE_DATA_KEY, request, timeout, None, caller_request_id)

    def generate_data_key_without_plaintext(
        self,
        *,
        key_id: str,
        encryption_context: Mapping[str, str] | None = None,
        key_spec: words.DataKeySpec | None = None,
        number_of_bytes: int | None = None,
        grant_tokens: Sequence[str] | None = None,
        dry_run: bool | None = None,
        timeout: float | None = None,
        caller_request_id: str | None = None,
    ) -> data_keys_pb2.GenerateDataKeyWithoutPlaintextResponse:
        """Makes a data key, encrypted only.

        Args:
            key_id: Key that the call is about; answers carry the key ARN. 1 to 2048 characters. A key id, key ARN, alias name or alias ARN.
            encryption_context: Pairs that are bound to the ciphertext and must be given again to open it; never secret.
            key_spec: Kind of the key material. One of AES_256, AES_128.
            number_of_bytes: Number of bytes to make. 1 to 1024.
            grant_tokens: Tokens of grants that may not have reached every replica yet, at most ten. 10 at most, each of 1 to 8192
                characters. Secret: it is never shown.
            dry_run: Checks everything and does nothing; the answer is then always an error.
            timeout: Seconds; 5 unless it is given.
            caller_request_id: A name of the caller's own in the audit record.

        Returns:
            `ciphertext_blob`: A ciphertext, with everything needed to find its key.
            `key_id`: Key that the call is about; answers carry the key ARN.
            `key_material_id`: Id of the key material that was used, 64 hexadecimal digits.

        Raises:
            errors.NotFoundException, errors.DisabledException, errors.KeyUnavailableException, errors.DependencyTimeoutException,
            errors.InvalidKeyUsageException, errors.InvalidGrantTokenException, errors.KMSInternalException,
            errors.KMSInvalidStateException, errors.DryRunOperationException, and what every call may meet.
        """
        request = data_keys_pb2.GenerateDataKeyWithoutPlaintextRequest(
            key_id=key_id,
            encryption_context=encryption_context,
            key_spec=words.DATA_KEY_SPEC.number(key_spec),
            number_of_bytes=number_of_bytes,
            grant_tokens=texts("grant_tokens", grant_tokens),
            dry_run=dry_run,
        )
        return self._send(methods.GENERATE_DATA_KEY_WITHOUT_PLAINTEXT, request, timeout, None, caller_request_id)

    def generate_data_key_pair(
        self,
        *,
        key_id: str,
        key_pair_spec: words.DataKeyPairSpec,
        encryption_context: Mapping[str, str] | None = None,
        grant_tokens: Sequence[str] | None = None,
        recipient: types_pb2.RecipientInfo | fields.RecipientInfoFields | None = None,
        dry_run: bool | None = None,
        timeout: float | None = None,
        caller_request_id: str | None = None,
    ) -> data_keys_pb2.GenerateDataKeyPairResponse:
        """Makes a key pair, its private half in the clear and encrypted.

        Args:
            encryption_context: Pairs that are bound to the ciphertext and must be given again to open it; never secret.
            key_id: Key that the call is about; answers carry the key ARN. 1 to 2048 characters. A key id, key ARN, alias name or alias ARN.
            key_pair_spec: Kind of the data key pair. One of RSA_2048, RSA_3072, RSA_4096, ECC_NIST_P256, ECC_NIST_P384, ECC_NIST_P521,
                ECC_SECG_P256K1, SM2, ECC_NIST_EDWARDS25519, ML_KEM_512, ML_KEM_768, ML_KEM_1024.
            grant_tokens: Tokens of grants that may not have reached every replica yet, at most ten. 10 at most, each of 1 to 8192
                characters. Secret: it is never shown.
            recipient: Attestation of the enclave that the answer is meant for; refused by this service.
            dry_run: Checks everything and does nothing; the answer is then always an error.
            timeout: Seconds; 30 unless it is given.
            caller_request_id: A name of the caller's own in the audit record.

        Returns:
            `private_key_ciphertext_blob`: Private key of the pair, encrypted under the KMS key.
            `private_key_plaintext`: Private key of the pair in the clear, DER PKCS #8.
            `public_key`: Public key, DER SubjectPublicKeyInfo.
            `key_id`: Key that the call is about; answers carry the key ARN.
            `key_pair_spec`: Kind of the data key pair.
            `ciphertext_for_recipient`: Answer encrypted for an attested enclave; never set by this service.
            `key_material_id`: Id of the key material that was used, 64 hexadecimal digits.

        Raises:
            errors.NotFoundException, errors.DisabledException, errors.KeyUnavailableException, errors.DependencyTimeoutException,
            errors.InvalidKeyUsageException, errors.InvalidGrantTokenException, errors.KMSInternalException,
            errors.KMSInvalidStateException, errors.UnsupportedOperationException, errors.DryRunOperationException, and what every call may
            meet.
        """
        request = data_keys_pb2.GenerateDataKeyPairRequest(
            encryption_context=encryption_context,
            key_id=key_id,
            key_pair_spec=words.DATA_KEY_PAIR_SPEC.number(key_pair_spec),
            grant_tokens=texts("grant_tokens", grant_tokens),
            recipient=message(types_pb2.RecipientInfo, recipient),
            dry_run=dry_run,
        )
        return self._send(methods.GENERATE_DATA_KEY_PAIR, request, timeout, None, caller_request_id)

    def generate_data_key_pair_without_plaintext(
        self,
        *,
        key_id: str,
        key_pair_spec: words.DataKeyPairSpec,
        encryption_context: Mapping[str, str] | None = None,
        grant_tokens: Sequence[str] | None = None,
        dry_run: bool | None = None,
        timeout: float | None = None,
        caller_request_id: str | None = None,
    ) -> data_keys_pb2.GenerateDataKeyPairWithoutPlaintextResponse:
        """Makes a key pair, its private half encrypted only.

        Args:
            encryption_context: Pairs that are bound to the ciphertext and must be given again to open it; never secret.
            key_id: Key that the call is about; answers carry the key ARN. 1 to 2048 characters. A key id, key ARN, alias name or alias ARN.
            key_pair_spec: Kind of the data key pair. One of RSA_2048, RSA_3072, RSA_4096, ECC_NIST_P256, ECC_NIST_P384, ECC_NIST_P521,
                ECC_SECG_P256K1, SM2, ECC_NIST_EDWARDS25519, ML_KEM_512, ML_KEM_768, ML_KEM_1024.
            grant_tokens: Tokens of grants that may not have reached every replica yet, at most ten. 10 at most, each of 1 to 8192
                characters. Secret: it is never shown.
            dry_run: Checks everything and does nothing; the answer is then always an error.
            timeout: Seconds; 30 unless it is given.
            caller_request_id: A name of the caller's own in the audit record.

        Returns:
            `private_key_ciphertext_blob`: Private key of the pair, encrypted under the KMS key.
            `public_key`: Public key, DER SubjectPublicKeyInfo.
            `key_id`: Key that the call is about; answers carry the key ARN.
            `key_pair_spec`: Kind of the data key pair.
            `key_material_id`: Id of the key material that was used, 64 hexadecimal digits.

        Raises:
            errors.NotFoundException, errors.DisabledException, errors.KeyUnavailableException, errors.DependencyTimeoutException,
            errors.InvalidKeyUsageException, errors.InvalidGrantTokenException, errors.KMSInternalException,
            errors.KMSInvalidStateException, errors.UnsupportedOperationException, errors.DryRunOperationException, and what every call may
            meet.
        """
        request = data_keys_pb2.GenerateDataKeyPairWithoutPlaintextRequest(
            encryption_context=encryption_context,
            key_id=key_id,
            key_pair_spec=words.DATA_KEY_PAIR_SPEC.number(key_pair_spec),
            grant_tokens=texts("grant_tokens", grant_tokens),
            dry_run=dry_run,
        )
        return self._send(methods.GENERATE_DATA_KEY_PAIR_WITHOUT_PLAINTEXT, request, timeout, None, caller_request_id)

    def generate_random(
        self,
        *,
        number_of_bytes: int | None = None,
        custom_key_store_id: str | None = None,
        recipient: types_pb2.RecipientInfo | fields.RecipientInfoFields | None = None,
        timeout: float | None = None,
        caller_request_id: str | None = None,
    ) -> data_keys_pb2.GenerateRandomResponse:
        """Makes random bytes.

        Args:
            number_of_bytes: Number of bytes to make. 1 to 1024.
            custom_key_store_id: Id of a custom key store. 1 to 64 characters.
            recipient: Attestation of the enclave that the answer is meant for; refused by this service.
            timeout: Seconds; 5 unless it is given.
            caller_request_id: A name of the caller's own in the audit record.

        Returns:
            `plaintext`: Bytes in the clear.
            `ciphertext_for_recipient`: Answer encrypted for an attested enclave; never set by this service.

        Raises:
            errors.DependencyTimeoutException, errors.KMSInternalException, errors.UnsupportedOperationException,
            errors.CustomKeyStoreNotFoundException, errors.CustomKeyStoreInvalidStateException, and what every call may meet.
        """
        request = data_keys_pb2.GenerateRandomRequest(
            number_of_bytes=number_of_bytes, custom_key_store_id=custom_key_store_id, recipient=message(types_pb2.RecipientInfo, recipient)
        )
        return self._send(methods.GENERATE_RANDOM, request, timeout, None, caller_request_id)

    def sign(
        self,
        *,
        key_id: str,
        message: bytes,
        signing_algorithm: words.SigningAlgorithmSpec,
        message_type: words.MessageType | None = None,
        grant_tokens: Sequence[str] | None = None,
        dry_run: bool | None = None,
        timeout: float | None = None,
        caller_request_id: str | None = None,
    ) -> signing_pb2.SignResponse:
        """Signs a message or digest.

        Args:
            key_id: Key that the call is about; answers carry the key ARN. 1 to 2048 characters. A key id, key ARN, alias name or alias ARN.
            message: Message, or what its message type says it is. 1 to 4096 bytes. Secret: it is never shown.
            message_type: What the message field holds; RAW when absent. One of RAW, DIGEST, EXTERNAL_MU.
            grant_tokens: Tokens of grants that may not have reached every replica yet, at most ten. 10 at most, each of 1 to 8192
                characters. Secret: it is never shown.
            signing_algorithm: Algorithm of the signature. One of RSASSA_PSS_SHA_256, RSASSA_PSS_SHA_384, RSASSA_PSS_SHA_512,
                RSASSA_PKCS1_V1_5_SHA_256, RSASSA_PKCS1_V1_5_SHA_384, RSASSA_PKCS1_V1_5_SHA_512, ECDSA_SHA_256, ECDSA_SHA_384,
                ECDSA_SHA_512, SM2DSA, ML_DSA_SHAKE_256, ED25519_SHA_512, ED25519_PH_SHA_512.
            dry_run: Checks everything and does nothing; the answer is then always an error.
            timeout: Seconds; 5 unless it is given.
            caller_request_id: A name of the caller's own in the audit record.

        Returns:
            `key_id`: Key that the call is about; answers carry the key ARN.
            `signature`: The signature.
            `signing_algorithm`: Algorithm of the signature.

        Raises:
            errors.NotFoundException, errors.DisabledException, errors.KeyUnavailableException, errors.DependencyTimeoutException,
            errors.InvalidKeyUsageException, errors.InvalidGrantTokenException, errors.KMSInternalException,
            errors.KMSInvalidStateException, errors.DryRunOperationException, and what every call may meet.
        """
        request = signing_pb2.SignRequest(
            key_id=key_id,
            message=message,
            message_type=words.MESSAGE_TYPE.number(message_type),
            grant_tokens=texts("grant_tokens", grant_tokens),
            signing_algorithm=words.SIGNING_ALGORITHM_SPEC.number(signing_algorithm),
            dry_run=dry_run,
        )
        return self._send(methods.SIGN, request, timeout, None, caller_request_id)

    def verify(
        self,
        *,
        key_id: str,
        message: bytes,
        signature: bytes,
        signing_algorithm: words.SigningAlgorithmSpec,
        message_type: words.MessageType | None = None,
        grant_tokens: Sequence[str] | None = None,
        dry_run: bool | None = None,
        timeout: float | None = None,
        caller_request_id: str | None = None,
    ) -> signing_pb2.VerifyResponse:
        """Verifies a signature.

        Args:
            key_id: Key that the call is about; answers carry the key ARN. 1 to 2048 characters. A key id, key ARN, alias name or alias ARN.
            message: Message, or what its message type says it is. 1 to 4096 bytes. Secret: it is never shown.
            message_type: What the message field holds; RAW when absent. One of RAW, DIGEST, EXTERNAL_MU.
            signature: The signature. 1 to 6144 bytes.
            signing_algorithm: Algorithm of the signature. One of RSASSA_PSS_SHA_256, RSASSA_PSS_SHA_384, RSASSA_PSS_SHA_512,
                RSASSA_PKCS1_V1_5_SHA_256, RSASSA_PKCS1_V1_5_SHA_384, RSASSA_PKCS1_V1_5_SHA_512, ECDSA_SHA_256, ECDSA_SHA_384,
                ECDSA_SHA_512, SM2DSA, ML_DSA_SHAKE_256, ED25519_SHA_512, ED25519_PH_SHA_512.
            grant_tokens: Tokens of grants that may not have reached every replica yet, at most ten. 10 at most, each of 1 to 8192
                characters. Secret: it is never shown.
            dry_run: Checks everything and does nothing; the answer is then always an error.
            timeout: Seconds; 5 unless it is given.
            caller_request_id: A name of the caller's own in the audit record.

        Returns:
            `key_id`: Key that the call is about; answers carry the key ARN.
            `signature_valid`: Always true: a signature that does not verify is an error.
            `signing_algorithm`: Algorithm of the signature.

        Raises:
            errors.NotFoundException, errors.DisabledException, errors.KeyUnavailableException, errors.DependencyTimeoutException,
            errors.InvalidKeyUsageException, errors.InvalidGrantTokenException, errors.KMSInternalException,
            errors.KMSInvalidStateException, errors.KMSInvalidSignatureException, errors.DryRunOperationException, and what every call may
            meet.
        """
        request = signing_pb2.VerifyRequest(
            key_id=key_id,
            message=message,
            message_type=words.MESSAGE_TYPE.number(message_type),
            signature=signature,
            signing_algorithm=words.SIGNING_ALGORITHM_SPEC.number(signing_algorithm),
            grant_tokens=texts("grant_tokens", grant_tokens),
            dry_run=dry_run,
        )
        return self._send(methods.VERIFY, request, timeout, None, caller_request_id)

    def get_public_key(
        self, *, key_id: str, grant_tokens: Sequence[str] | None = None, timeout: float | None = None, caller_request_id: str | None = None
    ) -> signing_pb2.GetPublicKeyResponse:
        """Answers the public half of an asymmetric key.

        Args:
            key_id: Key that the call is about; answers carry the key ARN. 1 to 2048 characters. A key id, key ARN, alias name or alias ARN.
            grant_tokens: Tokens of grants that may not have reached every replica yet, at most ten. 10 at most, each of 1 to 8192
                characters. Secret: it is never shown.
            timeout: Seconds; 10 unless it is given.
            caller_request_id: A name of the caller's own in the audit record.

        Returns:
            `key_id`: Key that the call is about; answers carry the key ARN.
            `public_key`: Public key, DER SubjectPublicKeyInfo.
            `customer_master_key_spec`: Older name of the key spec.
            `key_spec`: Kind of the key material.
            `key_usage`: The one thing the key is for, fixed at creation.
            `encryption_algorithms`: Encryption algorithms of the key.
            `signing_algorithms`: Signing algorithms of the key.
            `key_agreement_algorithms`: Key agreement algorithms of the key.
            `encapsulation_algorithms`: Encapsulation algorithms of the key.

        Raises:
            errors.NotFoundException, errors.DisabledException, errors.KeyUnavailableException, errors.DependencyTimeoutException,
            errors.UnsupportedOperationException, errors.InvalidArnException, errors.InvalidGrantTokenException,
            errors.InvalidKeyUsageException, errors.KMSInternalException, errors.KMSInvalidStateException, and what every call may meet.
        """
        request = signing_pb2.GetPublicKeyRequest(key_id=key_id, grant_tokens=texts("grant_tokens", grant_tokens))
        return self._send(methods.GET_PUBLIC_KEY, request, timeout, None, caller_request_id)

    def generate_mac(
        self,
        *,
        message: bytes,
        key_id: str,
        mac_algorithm: words.MacAlgorithmSpec,
        grant_tokens: Sequence[str] | None = None,
        dry_run: bool | None = None,
        timeout: float | None = None,
        caller_request_id: str | None = None,
    ) -> macs_pb2.GenerateMacResponse:
        """Makes a message authentication code.

        Args:
            message: Message, or what its message type says it is. 1 to 4096 bytes. Secret: it is never shown.
            key_id: Key that the call is about; answers carry the key ARN. 1 to 2048 characters. A key id, key ARN, alias name or alias ARN.
            mac_algorithm: Algorithm of the MAC. One of HMAC_SHA_224, HMAC_SHA_256, HMAC_SHA_384, HMAC_SHA_512.
            grant_tokens: Tokens of grants that may not have reached every replica yet, at most ten. 10 at most, each of 1 to 8192
                characters. Secret: it is never shown.
            dry_run: Checks everything and does nothing; the answer is then always an error.
            timeout: Seconds; 5 unless it is given.
            caller_request_id: A name of the caller's own in the audit record.

        Returns:
            `mac`: Message authentication code.
            `mac_algorithm`: Algorithm of the MAC.
            `key_id`: Key that the call is about; answers carry the key ARN.

        Raises:
            errors.NotFoundException, errors.DisabledException, errors.KeyUnavailableException, errors.InvalidKeyUsageException,
            errors.InvalidGrantTokenException, errors.KMSInternalException, errors.KMSInvalidStateException,
            errors.DryRunOperationException, and what every call may meet.
        """
        request = macs_pb2.GenerateMacRequest(
            message=message,
            key_id=key_id,
            mac_algorithm=words.MAC_ALGORITHM_SPEC.number(mac_algorithm),
            grant_tokens=texts("grant_tokens", grant_tokens),
            dry_run=dry_run,
        )
        return self._send(methods.GENERATE_MAC, request, timeout, None, caller_request_id)

    def verify_mac(
        self,
        *,
        message: bytes,
        key_id: str,
        mac_algorithm: words.MacAlgorithmSpec,
        mac: bytes,
        grant_tokens: Sequence[str] | None = None,
        dry_run: bool | None = None,
        timeout: float | None = None,
        caller_request_id: str | None = None,
    ) -> macs_pb2.VerifyMacResponse:
        """Verifies a message authentication code.

        Args:
            message: Message, or what its message type says it is. 1 to 4096 bytes. Secret: it is never shown.
            key_id: Key that the call is about; answers carry the key ARN. 1 to 2048 characters. A key id, key ARN, alias name or alias ARN.
            mac_algorithm: Algorithm of the MAC. One of HMAC_SHA_224, HMAC_SHA_256, HMAC_SHA_384, HMAC_SHA_512.
            mac: Message authentication code. 1 to 6144 bytes.
            grant_tokens: Tokens of grants that may not have reached every replica yet, at most ten. 10 at most, each of 1 to 8192
                characters. Secret: it is never shown.
            dry_run: Checks everything and does nothing; the answer is then always an error.
            timeout: Seconds; 5 unless it is given.
            caller_request_id: A name of the caller's own in the audit record.

        Returns:
            `key_id`: Key that the call is about; answers carry the key ARN.
            `mac_valid`: Always true: a MAC that does not verify is an error.
            `mac_algorithm`: Algorithm of the MAC.

        Raises:
            errors.NotFoundException, errors.DisabledException, errors.KeyUnavailableException, errors.InvalidKeyUsageException,
            errors.InvalidGrantTokenException, errors.KMSInternalException, errors.KMSInvalidMacException, errors.KMSInvalidStateException,
            errors.DryRunOperationException, and what every call may meet.
        """
        request = macs_pb2.VerifyMacRequest(
            message=message,
            key_id=key_id,
            mac_algorithm=words.MAC_ALGORITHM_SPEC.number(mac_algorithm),
            mac=mac,
            grant_tokens=texts("grant_tokens", grant_tokens),
            dry_run=dry_run,
        )
        return self._send(methods.VERIFY_MAC, request, timeout, None, caller_request_id)

    def derive_shared_secret(
        self,
        *,
        key_id: str,
        key_agreement_algorithm: words.KeyAgreementAlgorithmSpec,
        public_key: bytes,
        grant_tokens: Sequence[str] | None = None,
        dry_run: bool | None = None,
        recipient: types_pb2.RecipientInfo | fields.RecipientInfoFields | None = None,
        timeout: float | None = None,
        caller_request_id: str | None = None,
    ) -> key_agreement_pb2.DeriveSharedSecretResponse:
        """Agrees on a secret with the holder of another key pair.

        Args:
            key_id: Key that the call is about; answers carry the key ARN. 1 to 2048 characters. A key id, key ARN, alias name or alias ARN.
            key_agreement_algorithm: Algorithm of the key agreement. One of ECDH.
            public_key: Public key, DER SubjectPublicKeyInfo. 1 to 8192 bytes.
            grant_tokens: Tokens of grants that may not have reached every replica yet, at most ten. 10 at most, each of 1 to 8192
                characters. Secret: it is never shown.
            dry_run: Checks everything and does nothing; the answer is then always an error.
            recipient: Attestation of the enclave that the answer is meant for; refused by this service.
            timeout: Seconds; 5 unless it is given.
            caller_request_id: A name of the caller's own in the audit record.

        Returns:
            `key_id`: Key that the call is about; answers carry the key ARN.
            `shared_secret`: The secret that both sides now share.
            `ciphertext_for_recipient`: Answer encrypted for an attested enclave; never set by this service.
            `key_agreement_algorithm`: Algorithm of the key agreement.
            `key_origin`: Where the key material comes from.

        Raises:
            errors.NotFoundException, errors.DisabledException, errors.KeyUnavailableException, errors.DependencyTimeoutException,
            errors.InvalidGrantTokenException, errors.InvalidKeyUsageException, errors.KMSInternalException,
            errors.KMSInvalidStateException, errors.DryRunOperationException, and what every call may meet.
        """
        request = key_agreement_pb2.DeriveSharedSecretRequest(
            key_id=key_id,
            key_agreement_algorithm=words.KEY_AGREEMENT_ALGORITHM_SPEC.number(key_agreement_algorithm),
            public_key=public_key,
            grant_tokens=texts("grant_tokens", grant_tokens),
            dry_run=dry_run,
            recipient=message(types_pb2.RecipientInfo, recipient),
        )
        return self._send(methods.DERIVE_SHARED_SECRET, request, timeout, None, caller_request_id)

    def encapsulate(
        self,
        *,
        key_id: str,
        encapsulation_algorithm: words.EncapsulationAlgorithmSpec,
        grant_tokens: Sequence[str] | None = None,
        dry_run: bool | None = None,
        timeout: float | None = None,
        caller_request_id: str | None = None,
    ) -> key_agreement_pb2.EncapsulateResponse:
        """Makes a shared secret and the ciphertext that carries it.

        Args:
            key_id: Key that the call is about; answers carry the key ARN. 1 to 2048 characters. A key id, key ARN, alias name or alias ARN.
            encapsulation_algorithm: Algorithm of the key encapsulation. One of ML_KEM.
            grant_tokens: Tokens of grants that may not have reached every replica yet, at most ten. 10 at most, each of 1 to 8192
                characters. Secret: it is never shown.
            dry_run: Checks everything and does nothing; the answer is then always an error.
            timeout: Seconds; 5 unless it is given.
            caller_request_id: A name of the caller's own in the audit record.

        Returns:
            `key_id`: Key that the call is about; answers carry the key ARN.
            `shared_secret`: The secret that both sides now share.
            `shared_secret_ciphertext_blob`: Ciphertext that carries the shared secret to the key's holder.
            `encapsulation_algorithm`: Algorithm of the key encapsulation.

        Raises:
            errors.NotFoundException, errors.DisabledException, errors.KeyUnavailableException, errors.DependencyTimeoutException,
            errors.InvalidGrantTokenException, errors.InvalidKeyUsageException, errors.KMSInternalException,
            errors.KMSInvalidStateException, errors.DryRunOperationException, and what every call may meet.
        """
        request = key_agreement_pb2.EncapsulateRequest(
            key_id=key_id,
            encapsulation_algorithm=words.ENCAPSULATION_ALGORITHM_SPEC.number(encapsulation_algorithm),
            grant_tokens=texts("grant_tokens", grant_tokens),
            dry_run=dry_run,
        )
        return self._send(methods.ENCAPSULATE, request, timeout, None, caller_request_id)

    def decapsulate(
        self,
        *,
        key_id: str,
        shared_secret_ciphertext_blob: bytes,
        encapsulation_algorithm: words.EncapsulationAlgorithmSpec,
        grant_tokens: Sequence[str] | None = None,
        dry_run: bool | None = None,
        timeout: float | None = None,
        caller_request_id: str | None = None,
    ) -> key_agreement_pb2.DecapsulateResponse:
        """Opens the ciphertext that carries a shared secret.

        Args:
            key_id: Key that the call is about; answers carry the key ARN. 1 to 2048 characters. A key id, key ARN, alias name or alias ARN.
            shared_secret_ciphertext_blob: Ciphertext that carries the shared secret to the key's holder. 1 to 6144 bytes.
            encapsulation_algorithm: Algorithm of the key encapsulation. One of ML_KEM.
            grant_tokens: Tokens of grants that may not have reached every replica yet, at most ten. 10 at most, each of 1 to 8192
                characters. Secret: it is never shown.
            dry_run: Checks everything and does nothing; the answer is then always an error.
            timeout: Seconds; 5 unless it is given.
            caller_request_id: A name of the caller's own in the audit record.

        Returns:
            `key_id`: Key that the call is about; answers carry the key ARN.
            `shared_secret`: The secret that both sides now share.
            `encapsulation_algorithm`: Algorithm of the key encapsulation.

        Raises:
            errors.NotFoundException, errors.DisabledException, errors.KeyUnavailableException, errors.DependencyTimeoutException,
            errors.InvalidGrantTokenException, errors.InvalidKeyUsageException, errors.InvalidCiphertextException,
            errors.KMSInternalException, errors.KMSInvalidStateException, errors.DryRunOperationException, and what every call may meet.
        """
        request = key_agreement_pb2.DecapsulateRequest(
            key_id=key_id,
            shared_secret_ciphertext_blob=shared_secret_ciphertext_blob,
            encapsulation_algorithm=words.ENCAPSULATION_ALGORITHM_SPEC.number(encapsulation_algorithm),
            grant_tokens=texts("grant_tokens", grant_tokens),
            dry_run=dry_run,
        )
        return self._send(methods.DECAPSULATE, request, timeout, None, caller_request_id)

    def describe_policy_set(
        self, *, timeout: float | None = None, caller_request_id: str | None = None
    ) -> access_pb2.DescribePolicySetResponse:
        """Tells which policies of the Region's files are in force, as far as they concern the caller's account: those of other accounts are
        not told.

        Args:
            timeout: Seconds; 10 unless it is given.
            caller_request_id: A name of the caller's own in the audit record.

        Returns:
            `digest`: SHA-256 over names and texts of the files, in hexadecimal.
            `loaded_at`: Since when these policies are in force in the process that answers.
            `policies`: The policies of the Region, and of the caller's account and its units.
            `refused_at`: When the files were last found unusable; absent while what they say is in force.
            `faults`: What is wrong with them; of other accounts' policies only that something is.

        Raises:
            errors.DependencyTimeoutException, errors.KMSInternalException, and what every call may meet.
        """
        request = access_pb2.DescribePolicySetRequest()
        return self._send(methods.DESCRIBE_POLICY_SET, request, timeout, None, caller_request_id)

    def check_access(
        self, *, principal: str, request: Message, timeout: float | None = None, caller_request_id: str | None = None
    ) -> access_pb2.CheckAccessResponse:
        """Tells whether a principal of the caller's account would be allowed a call, and why. No key is used, and nothing is told about the
        state of one. Where a key of another account is closed to the principal there is no decision to read: the answer is the same as for
        a key that does not exist.

        Args:
            principal: ARN of the principal asked about, of the caller's account. 1 to 256 characters.
            request: The call asked about: a request message of meridian.kms.v1.
            timeout: Seconds; 10 unless it is given.
            caller_request_id: A name of the caller's own in the audit record.

        Returns:
            `allowed`: Whether every decision of this Region is an allow.
            `decisions`: The decisions, in the order of the contract.
            `other_region`: What the other Region of ReplicateKey or UpdatePrimaryRegion says, by its own policies; absent for other calls,
                and where this Region denies, since the other one would not be asked.

        Raises:
            errors.NotFoundException, errors.InvalidArnException, errors.NotAuthorizedException, errors.InvalidCiphertextException,
            errors.IncorrectKeyException, errors.InvalidGrantTokenException, errors.InvalidGrantIdException,
            errors.UnsupportedOperationException, errors.DependencyTimeoutException, errors.KMSInternalException, and what every call may
            meet.
        """
        request = access_pb2.CheckAccessRequest(principal=principal, request=packed(request))
        return self._send(methods.CHECK_ACCESS, request, timeout, None, caller_request_id)

    def try_policies(
        self,
        *,
        principal: str | None = None,
        request: Message | None = None,
        policies: str | None = None,
        key_policy: str | None = None,
        calls: int | None = None,
        timeout: float | None = None,
        caller_request_id: str | None = None,
    ) -> access_pb2.TryPoliciesResponse:
        """Tells what the caller's account's policies would answer if they were others: to a request, as CheckAccess tells it, and to the
        recorded calls of the last day. Nothing is changed. An account tries its own policies and the policies of its keys; those of other
        accounts are neither told nor edited. Of calls in which another account has a word only their number is told.

        Args:
            principal: ARN of the principal asked about, of the caller's account. Needed with a request, and only then. 1 to 256 characters.
            request: The call asked about: a request message of meridian.kms.v1.
            policies: Cedar text that takes the place of all policies of the caller's account in the Region's files; empty for none at all.
                32768 characters at most.
            key_policy: Cedar text that takes the place of the policy of the key that the request names, the first of those of the caller's
                account. 32768 characters at most.
            calls: How many of the account's recorded calls of the last day are decided anew at most, the newest of them. 0 to 2000.
            timeout: Seconds; 30 unless it is given.
            caller_request_id: A name of the caller's own in the audit record.

        Returns:
            `live_policies`: Cedar text of the policies of the caller's account that are in force, comments between them left out; absent
                where it is longer than what can be tried.
            `live`: What the policies in force answer to the request.
            `edited`: What the edited ones would answer; absent where nothing is edited, something is wrong with it, or the request names a
                key of another account.
            `faults`: What is wrong with the edited texts. Then nothing was decided by them.
            `replayed`: What recorded calls would get, beside what they got; absent where none were asked for, or with faults.

        Raises:
            errors.NotFoundException, errors.InvalidArnException, errors.NotAuthorizedException, errors.InvalidCiphertextException,
            errors.IncorrectKeyException, errors.InvalidGrantTokenException, errors.InvalidGrantIdException,
            errors.UnsupportedOperationException, errors.DependencyTimeoutException, errors.KMSInternalException, and what every call may
            meet.
        """
        request = access_pb2.TryPoliciesRequest(
            principal=principal, request=None if request is None else packed(request), policies=policies, key_policy=key_policy, calls=calls
        )
        return self._send(methods.TRY_POLICIES, request, timeout, None, caller_request_id)

    def describe_regions(self, *, timeout: float | None = None, caller_request_id: str | None = None) -> access_pb2.DescribeRegionsResponse:
        """Tells how the Regions of the deployment stand, as this one sees them, and how many related keys of the caller's account each of
        them has.

        Args:
            timeout: Seconds; 10 unless it is given.
            caller_request_id: A name of the caller's own in the audit record.

        Returns:
            `regions`: The Region that answers, then the others in the order of their names.
            `keys`: Keys of the caller's account in the Region that answers.

        Raises:
            errors.DependencyTimeoutException, errors.KMSInternalException, and what every call may meet.
        """
        request = access_pb2.DescribeRegionsRequest()
        return self._send(methods.DESCRIBE_REGIONS, request, timeout, None, caller_request_id)

    def describe_audit(self, *, timeout: float | None = None, caller_request_id: str | None = None) -> access_pb2.DescribeAuditResponse:
        """Tells how the audit log of the Region stands: its streams, their digests, what it is shipped to, the room that is left, and how
        it was verified last. Nothing that stands in a record. The log is the Region's and holds the calls of all accounts, so no permit for
        everything in an account includes this action: it must be named.

        Args:
            timeout: Seconds; 10 unless it is given.
            caller_request_id: A name of the caller's own in the audit record.

        Returns:
            `streams`: The streams that were registered last, newest first: 50 at most.
            `registered`: How many streams the database has registered, each of one start of a process.
            `looked_at`: When the files were looked at, some seconds ago at most.
            `whole`: Whether all files were looked at; of a directory with too many the rest was not.
            `signed_until`: Up to when the records of the streams listed here that are open are signed; absent where one of them has no
                digest that can be seen here.
            `sinks`: What the log of the process that answers is shipped to.
            `room`: Room on the disk of the process that answers.
            `last_verification`: How the log was verified last, as the database tells it; absent where nobody has.

        Raises:
            errors.DependencyTimeoutException, errors.KMSInternalException, and what every call may meet.
        """
        request = access_pb2.DescribeAuditRequest()
        return self._send(methods.DESCRIBE_AUDIT, request, timeout, None, caller_request_id)

    def list_decisions(
        self,
        *,
        limit: int | None = None,
        marker: str | None = None,
        principal: str | None = None,
        key_id: str | None = None,
        operation: str | None = None,
        effect: words.Effect | None = None,
        since: datetime | timestamp_pb2.Timestamp | None = None,
        until: datetime | timestamp_pb2.Timestamp | None = None,
        request_id: str | None = None,
        timeout: float | None = None,
        caller_request_id: str | None = None,
    ) -> access_pb2.ListDecisionsResponse:
        """Tells what was recorded lately of calls by principals of the caller's account, and of calls on its keys: each with its decisions
        and the policies that made them, as far as those are this account's to read. The newest come first. A call looks through a bounded
        part of the log: an answer may hold few calls, or none, and still say where to go on.

        Args:
            limit: How many calls at most; 50 where it is not given. 1 to 50.
            marker: Where the answer before said to go on. It is good for the same question. 1 to 16384 characters.
            principal: ARN of the principal that called. 1 to 256 characters.
            key_id: A key of the caller's account that the call was about, also one that was deleted since: its id or ARN, or an alias that
                names it now. 1 to 2048 characters.
            operation: Name of the operation. 1 to 64 characters.
            effect: What the policies answered. One of ALLOW, DENY.
            since: No earlier calls, to the second.
            until: No later calls, to the second.
            request_id: The request id that the caller was told. 1 to 64 characters.
            timeout: Seconds; 10 unless it is given.
            caller_request_id: A name of the caller's own in the audit record.

        Returns:
            `calls`: The newest first.
            `next_marker`: Where the next call goes on.
            `truncated`: Whether there may be more.
            `unreadable`: How many files of the log could not be read, and were passed over.

        Raises:
            errors.NotFoundException, errors.InvalidArnException, errors.InvalidMarkerException, errors.DependencyTimeoutException,
            errors.KMSInternalException, and what every call may meet.
        """
        request = access_pb2.ListDecisionsRequest(
            limit=limit,
            marker=marker,
            principal=principal,
            key_id=key_id,
            operation=operation,
            effect=words.EFFECT.number(effect),
            since=moment(since),
            until=moment(until),
            request_id=request_id,
        )
        return self._send(methods.LIST_DECISIONS, request, timeout, None, caller_request_id)

    def iterate_decisions(
        self,
        *,
        limit: int | None = None,
        principal: str | None = None,
        key_id: str | None = None,
        operation: str | None = None,
        effect: words.Effect | None = None,
        since: datetime | timestamp_pb2.Timestamp | None = None,
        until: datetime | timestamp_pb2.Timestamp | None = None,
        request_id: str | None = None,
        timeout: float | None = None,
        caller_request_id: str | None = None,
    ) -> Iterator[access_pb2.RecordedCall]:
        """Every item of `list_decisions`, page after page, each asked for as it is needed.

        Args:
            limit: How many calls at most; 50 where it is not given. 1 to 50.
            principal: ARN of the principal that called. 1 to 256 characters.
            key_id: A key of the caller's account that the call was about, also one that was deleted since: its id or ARN, or an alias that
                names it now. 1 to 2048 characters.
            operation: Name of the operation. 1 to 64 characters.
            effect: What the policies answered. One of ALLOW, DENY.
            since: No earlier calls, to the second.
            until: No later calls, to the second.
            request_id: The request id that the caller was told. 1 to 64 characters.
            timeout: Seconds of each page; 10 unless it is given.
            caller_request_id: A name of the caller's own in the audit record.

        Raises:
            errors.NotFoundException, errors.InvalidArnException, errors.InvalidMarkerException, errors.DependencyTimeoutException,
            errors.KMSInternalException, and what every call may meet.
        """
        marker: str | None = None
        while True:
            page = self.list_decisions(
                limit=limit,
                principal=principal,
                key_id=key_id,
                operation=operation,
                effect=effect,
                since=since,
                until=until,
                request_id=request_id,
                marker=marker,
                timeout=timeout,
                caller_request_id=caller_request_id,
            )
            yield from page.calls
            if not page.truncated:
                return
            marker = page.next_marker

    def explain_decision(
        self, *, handle: str, timeout: float | None = None, caller_request_id: str | None = None
    ) -> access_pb2.ExplainDecisionResponse:
        """Explains the decisions of one recorded call: what was recorded, and what the policies in force now answer to the same question,
        with their reasons and the permits that came closest. Says why where that cannot be told.

        Args:
            handle: As ListDecisions told it. 1 to 1024 characters.
            timeout: Seconds; 10 unless it is given.
            caller_request_id: A name of the caller's own in the audit record.

        Returns:
            `call`: What was recorded.
            `decisions`: One for each of its decisions, in their order.
            `policies_changed`: Whether the policies of the Region's files are others now than when the call was decided; absent where the
                record does not say.
            `keys_changed`: ARNs of its keys whose own policy is another now, or that are gone.

        Raises:
            errors.NotFoundException, errors.InvalidMarkerException, errors.DependencyTimeoutException, errors.KMSInternalException, and
            what every call may meet.
        """
        request = access_pb2.ExplainDecisionRequest(handle=handle)
        return self._send(methods.EXPLAIN_DECISION, request, timeout, None, caller_request_id)

    def describe_external_key(
        self, *, key_id: str, timeout: float | None = None, caller_request_id: str | None = None
    ) -> access_pb2.DescribeExternalKeyResponse:
        """Asks the external key store proxy of a KMS key for status and usage of its external key. Who may describe the KMS key may ask.

        Args:
            key_id: KMS key that the call is about. 1 to 2048 characters. A key id, key ARN, alias name or alias ARN.
            timeout: Seconds; 10 unless it is given.
            caller_request_id: A name of the caller's own in the audit record.

        Returns:
            `key_id`: ARN of the KMS key.
            `custom_key_store_id`: The external key store.
            `xks_key_id`: Id by which the proxy knows the external key.
            `key_spec`: AES_256 of every key that works.
            `key_usage`: What the key manager lets the external key do: ENCRYPT, DECRYPT, others.
            `key_status`: ENABLED or DISABLED.

        Raises:
            errors.NotFoundException, errors.InvalidArnException, errors.UnsupportedOperationException, errors.KMSInvalidStateException,
            errors.DependencyTimeoutException, errors.KMSInternalException, and what every call may meet.
        """
        request = access_pb2.DescribeExternalKeyRequest(key_id=key_id)
        return self._send(methods.DESCRIBE_EXTERNAL_KEY, request, timeout, None, caller_request_id)

    def who_am_i(self, *, timeout: float | None = None, caller_request_id: str | None = None) -> caller_pb2.WhoAmIResponse:
        """Tells who the caller is. No policy decides it: whoever is known here may know that.

        Args:
            timeout: Seconds; 10 unless it is given.
            caller_request_id: A name of the caller's own in the audit record.

        Returns:
            `arn`: ARN of the principal, as policies name it.
            `account`: Its account.
            `kind`: User, Role or Service.
            `name`: Its name, without the account.
            `groups`: Groups of its account that it is in.
            `tags`: Its tags.
            `method`: How it was authenticated: client_certificate, identity_token, aws_signature, assumed_role or bearer_token.
            `subject`: What was authenticated: a SPIFFE id, issuer and subject of a token, an access key id, or the ARN of a session.
            `session_name`: Name of the session of a role that was taken on.
            `expires_at`: When the credential ends; absent for one that does not.
            `region`: The Region that answers.

        Raises:
            errors.KMSInternalException, and what every call may meet.
        """
        request = caller_pb2.WhoAmIRequest()
        return self._send(methods.WHO_AM_I, request, timeout, None, caller_request_id)

    def encrypt_batch(
        self,
        items: Sequence[encryption_pb2.EncryptRequest | fields.EncryptFields],
        *,
        timeout: float | None = None,
        caller_request_id: str | None = None,
    ) -> list[encryption_pb2.EncryptResponse | KmsServiceError]:
        """Encrypts up to a hundred plaintexts.

        Any number of items is sent in as few messages as a Region takes; what it throttles is sent again within the time. The answer has of
        each item its answer or its `KmsServiceError`, in their order, and none of these is raised.

        Args:
            items: Fields of `encrypt`, or its requests.
            timeout: Seconds for all items; 5 unless it is given.
            caller_request_id: A name of the caller's own in the audit records.

        Raises:
            ValueError: for an item that no message holds, a word that is none, or a timeout that is none.
            TypeError: for what is no item.
        """
        outcomes: list[encryption_pb2.EncryptResponse | KmsServiceError]
        outcomes = self._send_many(methods.ENCRYPT_BATCH, items, timeout, caller_request_id)
        return outcomes

    def decrypt_batch(
        self,
        items: Sequence[encryption_pb2.DecryptRequest | fields.DecryptFields],
        *,
        timeout: float | None = None,
        caller_request_id: str | None = None,
    ) -> list[encryption_pb2.DecryptResponse | KmsServiceError]:
        """Opens up to a hundred ciphertexts.

        Any number of items is sent in as few messages as a Region takes; what it throttles is sent again within the time. The answer has of
        each item its answer or its `KmsServiceError`, in their order, and none of these is raised.

        Args:
            items: Fields of `decrypt`, or its requests.
            timeout: Seconds for all items; 5 unless it is given.
            caller_request_id: A name of the caller's own in the audit records.

        Raises:
            ValueError: for an item that no message holds, a word that is none, or a timeout that is none.
            TypeError: for what is no item.
        """
        outcomes: list[encryption_pb2.DecryptResponse | KmsServiceError]
        outcomes = self._send_many(methods.DECRYPT_BATCH, items, timeout, caller_request_id)
        return outcomes

    def generate_data_key_batch(
        self,
        items: Sequence[data_keys_pb2.GenerateDataKeyRequest | fields.GenerateDataKeyFields],
        *,
        timeout: float | None = None,
        caller_request_id: str | None = None,
    ) -> list[data_keys_pb2.GenerateDataKeyResponse | KmsServiceError]:
        """Makes up to a hundred data keys.

        Any number of items is sent in as few messages as a Region takes; what it throttles is sent again within the time. The answer has of
        each item its answer or its `KmsServiceError`, in their order, and none of these is raised.

        Args:
            items: Fields of `generate_data_key`, or its requests.
            timeout: Seconds for all items; 5 unless it is given.
            caller_request_id: A name of the caller's own in the audit records.

        Raises:
            ValueError: for an item that no message holds, a word that is none, or a timeout that is none.
            TypeError: for what is no item.
        """
        outcomes: list[data_keys_pb2.GenerateDataKeyResponse | KmsServiceError]
        outcomes = self._send_many(methods.GENERATE_DATA_KEY_BATCH, items, timeout, caller_request_id)
        return outcomes

    def re_encrypt_batch(
        self,
        items: Sequence[encryption_pb2.ReEncryptRequest | fields.ReEncryptFields],
        *,
        timeout: float | None = None,
        caller_request_id: str | None = None,
    ) -> list[encryption_pb2.ReEncryptResponse | KmsServiceError]:
        """Moves up to a hundred ciphertexts to other keys or contexts.

        Any number of items is sent in as few messages as a Region takes; what it throttles is sent again within the time. The answer has of
        each item its answer or its `KmsServiceError`, in their order, and none of these is raised.

        Args:
            items: Fields of `re_encrypt`, or its requests.
            timeout: Seconds for all items; 5 unless it is given.
            caller_request_id: A name of the caller's own in the audit records.

        Raises:
            ValueError: for an item that no message holds, a word that is none, or a timeout that is none.
            TypeError: for what is no item.
        """
        outcomes: list[encryption_pb2.ReEncryptResponse | KmsServiceError]
        outcomes = self._send_many(methods.RE_ENCRYPT_BATCH, items, timeout, caller_request_id)
        return outcomes
