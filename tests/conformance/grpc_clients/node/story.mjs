// What gRPC's own client for Node sees of a Region: one JSON object on standard output.

import { readFileSync } from "node:fs";
import grpc from "@grpc/grpc-js";
import loader from "@grpc/proto-loader";

const { TARGET, CA, CERTIFICATE, PRIVATE_KEY, DESCRIPTORS, KEY_ID } = process.env;
const SECONDS = 20;
const GZIP = 2;

const { meridian, grpc: own } = grpc.loadPackageDefinition(
  loader.loadFileDescriptorSetFromBuffer(readFileSync(DESCRIPTORS), { keepCase: true, enums: String }),
);
const credentials = grpc.credentials.createSsl(readFileSync(CA), readFileSync(PRIVATE_KEY), readFileSync(CERTIFICATE));

function call(client, method, request) {
  return new Promise((resolve, reject) => {
    client[method](request, { deadline: Date.now() + SECONDS * 1000 }, (fault, answer) => (fault ? reject(fault) : resolve(answer)));
  });
}

const { EncryptionService, DataKeysService, KeysService } = meridian.kms.v1;
const encryption = new EncryptionService(TARGET, credentials);
const plaintext = Buffer.from("from Node");
const encrypted = await call(encryption, "Encrypt", { key_id: KEY_ID, plaintext });
const decrypted = await call(encryption, "Decrypt", { ciphertext_blob: encrypted.ciphertext_blob });
const compressing = new DataKeysService(TARGET, credentials, { "grpc.default_compression_algorithm": GZIP });
const random = await call(compressing, "GenerateRandom", { number_of_bytes: 16 });
const refused = await call(new KeysService(TARGET, credentials), "DescribeKey", { key_id: "alias/nöthing 100%" }).catch((fault) => fault);
const health = await call(new own.health.v1.Health(TARGET, credentials), "Check", { service: "" });

console.log(
  JSON.stringify({
    decrypted: decrypted.plaintext.toString(),
    compressed: random.plaintext.length,
    code: grpc.status[refused.code],
    message: refused.details,
    details: refused.metadata.get("grpc-status-details-bin")[0].toString("base64"),
    health: health.status,
  }),
);
process.exit(0);
