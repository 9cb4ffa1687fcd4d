/** Opens what another client sealed and seals something for the next one, over a Region: one JSON object on standard output. */

import { Metadata } from "@grpc/grpc-js";
import { DecryptRequest, EncryptionServiceClient, EncryptRequest } from "../gen/meridian/kms/v1/encryption.js";
import { call, fromEnvironment, mutualTls, Refusal } from "./meridian.js";

const SECONDS = 20;
const region = fromEnvironment();
const kms = new EncryptionServiceClient(region.target, mutualTls(region));
const ciphertextBlob = Buffer.from(process.env.SEALED ?? "", "base64");
const encryptionContext = { tenant: "a" };
const none = new Metadata();

const opened = await call(kms.decrypt.bind(kms), DecryptRequest.fromPartial({ ciphertextBlob, encryptionContext }), none, SECONDS);
const plaintext = Buffer.from("from TypeScript");
const request = EncryptRequest.fromPartial({ keyId: process.env.KEY_ID, plaintext, encryptionContext });
const sealed = await call(kms.encrypt.bind(kms), request, none, SECONDS);
const refused = await call(kms.decrypt.bind(kms), DecryptRequest.fromPartial({ ciphertextBlob }), none, SECONDS).catch((error) => error);
if (!(refused instanceof Refusal)) {
  throw refused;
}
console.log(
  JSON.stringify({
    opened: opened.plaintext?.toString(),
    sealed: sealed.ciphertextBlob?.toString("base64"),
    refused: refused.awsName,
    requestId: refused.requestId,
  }),
);
kms.close();
