// The AWS SDK for JavaScript, version 3.

import assert from "node:assert/strict";
import { createHash, verify } from "node:crypto";
import * as kms from "@aws-sdk/client-kms";
import { away, createKey, createReplicatedKey, here } from "./regions.mjs";

const bytes = (text) => new TextEncoder().encode(text);
const text = (given) => new TextDecoder().decode(given);

export async function aKeyIsCreatedAndDescribedUnderItsAlias() {
  const made = await createKey({ Description: "for tests", Tags: [{ TagKey: "stage", TagValue: "test" }] });
  assert.equal(made.KeyState, kms.KeyState.Enabled);
  assert.ok(made.CreationDate instanceof Date);
  const AliasName = `alias/node/${made.KeyId}`;
  await here.send(new kms.CreateAliasCommand({ AliasName, TargetKeyId: made.KeyId }));
  const { KeyMetadata } = await here.send(new kms.DescribeKeyCommand({ KeyId: AliasName }));
  assert.deepEqual(KeyMetadata, made);
}

export async function aSecretOpensUnderItsContextOnly() {
  const { Arn } = await createKey();
  const EncryptionContext = { tenant: "a", place: "Zürich" };
  const { CiphertextBlob } = await here.send(new kms.EncryptCommand({ KeyId: Arn, Plaintext: bytes("secret"), EncryptionContext }));
  const opened = await here.send(new kms.DecryptCommand({ CiphertextBlob, EncryptionContext }));
  assert.equal(text(opened.Plaintext), "secret");
  assert.equal(opened.KeyId, Arn);
  const wrong = new kms.DecryptCommand({ CiphertextBlob, EncryptionContext: { tenant: "b", place: "Zürich" } });
  await assert.rejects(here.send(wrong), kms.InvalidCiphertextException);
}

export async function aDataKeyIsGivenInTheClearAndEncrypted() {
  const { KeyId } = await createKey();
  const { Plaintext, CiphertextBlob } = await here.send(new kms.GenerateDataKeyCommand({ KeyId, KeySpec: "AES_256" }));
  assert.equal(Plaintext.length, 32);
  const opened = await here.send(new kms.DecryptCommand({ CiphertextBlob }));
  assert.deepEqual(opened.Plaintext, Plaintext);
}

export async function aSignatureIsVerifiedByTheServiceAndByItsPublicKey() {
  const { KeyId } = await createKey({ KeySpec: "ECC_NIST_P256", KeyUsage: "SIGN_VERIFY" });
  const Message = createHash("sha256").update("message").digest();
  const fields = { KeyId, Message, MessageType: "DIGEST", SigningAlgorithm: "ECDSA_SHA_256" };
  const { Signature } = await here.send(new kms.SignCommand(fields));
  assert.equal((await here.send(new kms.VerifyCommand({ ...fields, Signature }))).SignatureValid, true);
  const { PublicKey } = await here.send(new kms.GetPublicKeyCommand({ KeyId }));
  assert.ok(verify("sha256", bytes("message"), { key: Buffer.from(PublicKey), format: "der", type: "spki" }, Signature));
  const other = { ...fields, Message: createHash("sha256").update("another").digest(), Signature };
  await assert.rejects(here.send(new kms.VerifyCommand(other)), kms.KMSInvalidSignatureException);
}

export async function aMacIsVerified() {
  const { KeyId } = await createKey({ KeySpec: "HMAC_256", KeyUsage: "GENERATE_VERIFY_MAC" });
  const fields = { KeyId, Message: bytes("message"), MacAlgorithm: "HMAC_SHA_256" };
  const { Mac } = await here.send(new kms.GenerateMacCommand(fields));
  assert.equal((await here.send(new kms.VerifyMacCommand({ ...fields, Mac }))).MacValid, true);
  const other = new kms.VerifyMacCommand({ ...fields, Message: bytes("another"), Mac });
  await assert.rejects(here.send(other), kms.KMSInvalidMacException);
}

export async function aPaginatorWalksEveryKeyOnce() {
  const made = [(await createKey()).KeyId, (await createKey()).KeyId, (await createKey()).KeyId];
  const found = [];
  let pages = 0;
  for await (const page of kms.paginateListKeys({ client: here, pageSize: 2 }, {})) {
    pages += 1;
    found.push(...page.Keys.map((key) => key.KeyId));
  }
  assert.ok(pages > 1);
  assert.equal(new Set(found).size, found.length);
  assert.deepEqual(made.filter((id) => !found.includes(id)), []);
}

export async function refusalsAreTheTypedErrorsOfTheSdk() {
  const KeyId = "1234abcd-12ab-34cd-56ef-1234567890ab";
  await assert.rejects(here.send(new kms.DescribeKeyCommand({ KeyId })), (error) => {
    assert.ok(error instanceof kms.NotFoundException);
    assert.match(error.message, new RegExp(`key/${KeyId}' does not exist`));
    assert.equal(error.$metadata.httpStatusCode, 400);
    assert.match(error.$metadata.requestId, /^[0-9a-f-]{36}$/);
    return true;
  });
  await assert.rejects(here.send(new kms.DecryptCommand({ CiphertextBlob: bytes("nothing") })), kms.InvalidCiphertextException);
  const disabled = await createKey();
  await here.send(new kms.DisableKeyCommand({ KeyId: disabled.KeyId }));
  const call = new kms.EncryptCommand({ KeyId: disabled.KeyId, Plaintext: bytes("x") });
  await assert.rejects(here.send(call), kms.DisabledException);
}

export async function aWrongSecretIsRefused() {
  const credentials = { accessKeyId: process.env.AWS_ACCESS_KEY_ID, secretAccessKey: "wrong" };
  const stranger = new kms.KMSClient({ credentials });
  await assert.rejects(stranger.send(new kms.ListKeysCommand()), { name: "InvalidSignatureException" });
}

export async function aReplicaOpensWhatThePrimaryEncrypted() {
  const { primary, replica } = await createReplicatedKey();
  assert.equal(replica.KeyId, primary.KeyId);
  assert.notEqual(replica.Arn, primary.Arn);
  const { CiphertextBlob } = await here.send(new kms.EncryptCommand({ KeyId: primary.Arn, Plaintext: bytes("across") }));
  const opened = await away.send(new kms.DecryptCommand({ CiphertextBlob, KeyId: replica.Arn }));
  assert.equal(text(opened.Plaintext), "across");
  const single = (await createKey()).KeyId;
  const sealed = await here.send(new kms.EncryptCommand({ KeyId: single, Plaintext: bytes("x") }));
  const stranger = new kms.DecryptCommand({ CiphertextBlob: sealed.CiphertextBlob });
  await assert.rejects(away.send(stranger), kms.KMSServiceException);
}
