// Command relay opens what another client sealed and seals something for the next one, over a Region: one JSON object on standard output.
package main

import (
	"context"
	"encoding/base64"
	"encoding/json"
	"log"
	"os"
	"time"

	meridian "meridian/clients/go"
	"meridian/clients/go/kmsv1"
)

const patience = 20 * time.Second

func main() {
	connection, err := meridian.Connect(meridian.FromEnvironment())
	fail(err)
	defer connection.Close()
	calls := kmsv1.NewEncryptionServiceClient(connection)
	ctx, end := context.WithTimeout(context.Background(), patience)
	defer end()
	blob, err := base64.StdEncoding.DecodeString(os.Getenv("SEALED"))
	fail(err)
	tenant := map[string]string{"tenant": "a"}
	opened, err := calls.Decrypt(ctx, &kmsv1.DecryptRequest{CiphertextBlob: blob, EncryptionContext: tenant})
	fail(err)
	key := os.Getenv("KEY_ID")
	sealed, err := calls.Encrypt(ctx, &kmsv1.EncryptRequest{KeyId: &key, Plaintext: []byte("from Go"), EncryptionContext: tenant})
	fail(err)
	_, err = calls.Decrypt(ctx, &kmsv1.DecryptRequest{CiphertextBlob: blob})
	refused := meridian.Refusal(err)
	if refused == nil {
		log.Fatal("a ciphertext was opened without its context: ", err)
	}
	fail(json.NewEncoder(os.Stdout).Encode(map[string]any{
		"opened":    string(opened.Plaintext),
		"sealed":    base64.StdEncoding.EncodeToString(sealed.CiphertextBlob),
		"refused":   refused.Name,
		"requestId": refused.RequestID,
	}))
}

func fail(err error) {
	if err != nil {
		log.Fatal(err)
	}
}
