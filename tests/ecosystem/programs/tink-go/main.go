// Tink for Go as its users write it: opens what another language sealed, and seals for the next one.
package main

import (
	"bytes"
	"context"
	"encoding/base64"
	"encoding/json"
	"log"
	"os"

	"github.com/tink-crypto/tink-go-awskms/v3/integration/awskms"
	"github.com/tink-crypto/tink-go/v2/aead"
	"github.com/tink-crypto/tink-go/v2/keyset"
)

var tenant = []byte("of tenant a")

func must[T any](value T, err error) T {
	if err != nil {
		log.Fatal(err)
	}
	return value
}

func main() {
	uri := os.Getenv("KEY_URI")
	client := must(awskms.NewClientWithOptions(context.Background(), uri))
	remote := must(client.GetAEAD(uri))
	envelope := aead.NewKMSEnvelopeAEAD2(aead.AES256GCMKeyTemplate(), remote)

	told := map[string]any{}
	sealed := must(base64.StdEncoding.DecodeString(os.Getenv("SEALED")))
	told["opened"] = string(must(envelope.Decrypt(sealed, tenant)))
	_, err := envelope.Decrypt(sealed, []byte("of tenant b"))
	told["refused"] = err != nil
	told["sealed"] = base64.StdEncoding.EncodeToString(must(envelope.Encrypt([]byte("from Go"), tenant)))

	kept := keyset.NewJSONReader(bytes.NewBufferString(os.Getenv("KEYSET")))
	handle := must(keyset.ReadWithAssociatedData(kept, remote, tenant))
	written := &bytes.Buffer{}
	if err := handle.WriteWithAssociatedData(keyset.NewJSONWriter(written), remote, tenant); err != nil {
		log.Fatal(err)
	}
	told["keyset"] = written.String()
	told["underKeyset"] = base64.StdEncoding.EncodeToString(must(must(aead.New(handle)).Encrypt([]byte("from Go"), tenant)))
	if err := json.NewEncoder(os.Stdout).Encode(told); err != nil {
		log.Fatal(err)
	}
}
