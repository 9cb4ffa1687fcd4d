"""The three methods that the API server calls."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable
from typing import Final, TypeVar

import grpc

from meridian.k8s_kms.key_in_use import Closed, KeyInUse, NotReadBackError, UnreadableError
from meridian.k8s_kms.key_name import KeyName
from meridian.k8s_kms.metrics import Metrics
from meridian.k8s_kms.regions import AWAY, BehindError, RegionError
from meridian.k8s_kms.v2 import api_pb2, api_pb2_grpc
from meridian.log import structlog

T = TypeVar("T")
Asked = TypeVar("Asked")
Answered = TypeVar("Answered")

VERSION: Final = "v2"
OK: Final = "ok"
ANNOTATION: Final = "key.kms.meridian"
"""Names the key in what is stored, for whoever restores it somewhere else. Nobody here believes it."""
CALL_SECONDS: Final = 2.5
"""The API server waits 3 s."""
SEED_BYTES_MAX: Final = 512
CIPHERTEXT_BYTES_MAX: Final = 1024
NAME_BYTES_MAX: Final = 1024
UID_CHARACTERS_MAX: Final = 128

S = grpc.StatusCode
CODES: Final = {
    "AccessDeniedException": S.PERMISSION_DENIED,
    "UnrecognizedClientException": S.UNAUTHENTICATED,
    "ExpiredTokenException": S.UNAUTHENTICATED,
    "MissingAuthenticationTokenException": S.UNAUTHENTICATED,
    "NotFoundException": S.NOT_FOUND,
    "ThrottlingException": S.RESOURCE_EXHAUSTED,
    "ValidationException": S.INVALID_ARGUMENT,
    "InvalidArnException": S.INVALID_ARGUMENT,
    "InvalidCiphertextException": S.INVALID_ARGUMENT,
    "IncorrectKeyException": S.INVALID_ARGUMENT,
    "DisabledException": S.FAILED_PRECONDITION,
    "KMSInvalidStateException": S.FAILED_PRECONDITION,
    "InvalidKeyUsageException": S.FAILED_PRECONDITION,
    **dict.fromkeys(AWAY, S.UNAVAILABLE),
}
"""What the API server is told, by what the Region said; everything else is INTERNAL."""


class BadRequestError(Exception):
    """A field of the API server's request cannot be used; the text names it."""


class Plugin(api_pb2_grpc.KeyManagementServiceServicer):
    """Answers within 2.5 s, always."""

    def __init__(self, key: KeyName, in_use: KeyInUse, metrics: Metrics) -> None:
        self._key = key
        self._in_use = in_use
        self._metrics = metrics
        self._log = structlog.get_logger("meridian.k8s_kms")

    async def Status(
        self,
        request: api_pb2.StatusRequest,  # noqa: ARG002 - it asks nothing
        context: grpc.aio.ServicerContext[api_pb2.StatusRequest, api_pb2.StatusResponse],
    ) -> api_pb2.StatusResponse:
        """Ends with an error where the key cannot be used. An answer with a key_id would let the API server write on without end, whatever
        it said of health."""
        name = await self._answered("Status", "", self._in_use.name(CALL_SECONDS), context)
        return api_pb2.StatusResponse(version=VERSION, healthz=OK, key_id=name)

    async def Encrypt(
        self, request: api_pb2.EncryptRequest, context: grpc.aio.ServicerContext[api_pb2.EncryptRequest, api_pb2.EncryptResponse]
    ) -> api_pb2.EncryptResponse:
        closed = await self._answered("Encrypt", request.uid, self._encrypt(request), context)
        annotations = {ANNOTATION: self._key.identity.encode()}
        return api_pb2.EncryptResponse(ciphertext=closed.ciphertext, key_id=closed.key_id, annotations=annotations)

    async def Decrypt(
        self, request: api_pb2.DecryptRequest, context: grpc.aio.ServicerContext[api_pb2.DecryptRequest, api_pb2.DecryptResponse]
    ) -> api_pb2.DecryptResponse:
        return api_pb2.DecryptResponse(plaintext=await self._answered("Decrypt", request.uid, self._decrypt(request), context))

    async def _encrypt(self, request: api_pb2.EncryptRequest) -> Closed:
        _require(1 <= len(request.plaintext) <= SEED_BYTES_MAX, f"plaintext must have 1 to {SEED_BYTES_MAX} bytes")
        _require_uid(request.uid)
        return await self._in_use.close(request.plaintext, request.uid, CALL_SECONDS)

    async def _decrypt(self, request: api_pb2.DecryptRequest) -> bytes:
        _require(1 <= len(request.ciphertext) <= CIPHERTEXT_BYTES_MAX, f"ciphertext must have 1 to {CIPHERTEXT_BYTES_MAX} bytes")
        _require(1 <= len(request.key_id.encode()) <= NAME_BYTES_MAX, f"key_id must have 1 to {NAME_BYTES_MAX} bytes")
        _require_uid(request.uid)
        return await self._in_use.open(request.ciphertext, request.key_id, request.uid, CALL_SECONDS)

    async def _answered(self, method: str, uid: str, work: Awaitable[T], context: grpc.aio.ServicerContext[Asked, Answered]) -> T:
        """The outcome of the work, timed and counted, or the end of the call with a reason."""
        loop = asyncio.get_running_loop()
        begun, code, text = loop.time(), S.OK, ""
        try:
            return await work
        except (BadRequestError, UnreadableError) as fault:
            code, text = S.INVALID_ARGUMENT, str(fault)
        except RegionError as error:
            code, text = CODES.get(error.code, S.INTERNAL), str(error)
        except BehindError as behind:
            code, text = S.UNAVAILABLE, str(behind)
        except NotReadBackError as fault:
            code, text = S.DATA_LOSS, str(fault)
        except TimeoutError:
            code, text = S.DEADLINE_EXCEEDED, f"no Region answered within {CALL_SECONDS} s"
        except BaseException:
            code = S.CANCELLED
            raise
        finally:
            self._metrics.seconds.labels(method, code.name).observe(loop.time() - begun)
        self._log.warning("call failed", method=method, uid=uid[:UID_CHARACTERS_MAX], code=code.name, fault=text)
        await context.abort(code, text)
        raise AssertionError("abort has ended the call")


def _require(holds: object, text: str) -> None:
    if not holds:
        raise BadRequestError(text)


def _require_uid(uid: str) -> None:
    fits = len(uid) <= UID_CHARACTERS_MAX and all("!" <= each <= "~" for each in uid)
    _require(fits, f"uid must have at most {UID_CHARACTERS_MAX} characters, each a visible one of ASCII")
