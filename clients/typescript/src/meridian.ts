/** Reaches a Region over mutual TLS, and reads its refusals by AWS's names. The calls are those of the services in `gen/meridian/kms/v1`. */

import { readFileSync } from "node:fs";
import { type ChannelCredentials, credentials, type Metadata, type ServiceError } from "@grpc/grpc-js";
import { ErrorInfo } from "../gen/google/rpc/error_details.js";
import { Status } from "../gen/google/rpc/status.js";

const DOMAIN = "kms.meridian";
const ERROR_INFO = "type.googleapis.com/google.rpc.ErrorInfo";

/** One Region's address, and the names of the PEM files that prove it and its caller. */
export interface Endpoint {
  target: string;
  ca: string;
  certificate: string;
  privateKey: string;
}

/** What MERIDIAN_ENDPOINT, MERIDIAN_CA, MERIDIAN_CERTIFICATE and MERIDIAN_PRIVATE_KEY name. */
export function fromEnvironment(): Endpoint {
  const [target = "", ca = "", certificate = "", privateKey = ""] = ["ENDPOINT", "CA", "CERTIFICATE", "PRIVATE_KEY"].map(
    (name) => process.env[`MERIDIAN_${name}`],
  );
  return { target, ca, certificate, privateKey };
}

/** `new EncryptionServiceClient(region.target, mutualTls(region))` */
export function mutualTls(region: Endpoint): ChannelCredentials {
  return credentials.createSsl(readFileSync(region.ca), readFileSync(region.privateKey), readFileSync(region.certificate));
}

/** A refusal of a Region. */
export class Refusal extends Error {
  constructor(
    /** Of the exception, as AWS has it. */
    readonly awsName: string,
    message: string,
    /** Under which the Region's audit log has the call. */
    readonly requestId: string,
  ) {
    super(`${awsName}: ${message}`);
  }
}

/** The refusal in the error of a call; the error itself where no Region answered. */
export function refusalOf(error: ServiceError): Error {
  for (const bytes of error.metadata?.get("grpc-status-details-bin") ?? []) {
    for (const detail of Status.decode(bytes as Buffer).details) {
      const info = detail.typeUrl === ERROR_INFO ? ErrorInfo.decode(detail.value) : undefined;
      if (info?.domain === DOMAIN) {
        return new Refusal(info.reason, error.details, info.metadata.request_id ?? "");
      }
    }
  }
  return error;
}

type Unary<Q, A> = (request: Q, metadata: Metadata, options: { deadline: number }, done: (error: ServiceError | null, answer: A) => void) => unknown;

/** One call, as a promise: `await call(kms.encrypt.bind(kms), EncryptRequest.fromPartial({ … }), new Metadata(), 5)`. It rejects with `refusalOf`. */
export function call<Q, A>(method: Unary<Q, A>, request: Q, metadata: Metadata, seconds: number): Promise<A> {
  return new Promise((resolve, reject) => {
    method(request, metadata, { deadline: Date.now() + seconds * 1000 }, (error, answer) => (error ? reject(refusalOf(error)) : resolve(answer)));
  });
}
