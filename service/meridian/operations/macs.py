"""MacsService: GenerateMac, VerifyMac.

Source: AWS KMS API Reference, GenerateMac, VerifyMac.
"""

from __future__ import annotations

from meridian.call import Call
from meridian.contract.enums import enum_aws_value
from meridian.errors import KMSInvalidMacException
from meridian.kms.v1 import macs_pb2
from meridian.ports.crypto.key_pairs import KeyPairs


class Macs:
    """Codes of HMAC keys."""

    def __init__(self, key_pairs: KeyPairs) -> None:
        self._key_pairs = key_pairs

    async def generate_mac(self, request: macs_pb2.GenerateMacRequest, call: Call) -> macs_pb2.GenerateMacResponse:
        """The message's code. Raises: ValidationException, DryRunOperationException."""
        key = call.keys["key_id"]
        mac = self._key_pairs.mac(key, _algorithm(request), request.message)
        return macs_pb2.GenerateMacResponse(mac=mac, mac_algorithm=request.mac_algorithm, key_id=key.arn)

    async def verify_mac(self, request: macs_pb2.VerifyMacRequest, call: Call) -> macs_pb2.VerifyMacResponse:
        """True, or an error: never false. Raises: KMSInvalidMacException, ValidationException, DryRunOperationException."""
        key = call.keys["key_id"]
        if not self._key_pairs.verify_mac(key, _algorithm(request), request.message, request.mac):
            raise KMSInvalidMacException
        return macs_pb2.VerifyMacResponse(key_id=key.arn, mac_valid=True, mac_algorithm=request.mac_algorithm)


def _algorithm(request: macs_pb2.GenerateMacRequest | macs_pb2.VerifyMacRequest) -> str:
    return enum_aws_value(request.DESCRIPTOR.fields_by_name["mac_algorithm"], request.mac_algorithm)
