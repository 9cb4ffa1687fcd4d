// What gRPC's own client for Go sees of a Region: one JSON object on standard output.
package main

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"encoding/json"
	"os"
	"time"

	"google.golang.org/grpc"
	"google.golang.org/grpc/credentials"
	"google.golang.org/grpc/encoding/gzip"
	"google.golang.org/grpc/health/grpc_health_v1"
	"google.golang.org/grpc/status"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/reflect/protodesc"
	"google.golang.org/protobuf/reflect/protoreflect"
	"google.golang.org/protobuf/reflect/protoregistry"
	"google.golang.org/protobuf/types/descriptorpb"
	"google.golang.org/protobuf/types/dynamicpb"
)

const seconds = 20

type region struct {
	connection *grpc.ClientConn
	files      *protoregistry.Files
}

func must[T any](value T, fault error) T {
	if fault != nil {
		panic(fault)
	}
	return value
}

func connect() region {
	pair := must(tls.LoadX509KeyPair(os.Getenv("CERTIFICATE"), os.Getenv("PRIVATE_KEY")))
	roots := x509.NewCertPool()
	roots.AppendCertsFromPEM(must(os.ReadFile(os.Getenv("CA"))))
	secured := credentials.NewTLS(&tls.Config{Certificates: []tls.Certificate{pair}, RootCAs: roots})
	set := &descriptorpb.FileDescriptorSet{}
	if fault := proto.Unmarshal(must(os.ReadFile(os.Getenv("DESCRIPTORS"))), set); fault != nil {
		panic(fault)
	}
	return region{must(grpc.NewClient(os.Getenv("TARGET"), grpc.WithTransportCredentials(secured))), must(protodesc.NewFiles(set))}
}

func (r region) call(service, method string, fields map[string]any, options ...grpc.CallOption) (*dynamicpb.Message, error) {
	described := must(r.files.FindDescriptorByName(protoreflect.FullName(service))).(protoreflect.ServiceDescriptor)
	found := described.Methods().ByName(protoreflect.Name(method))
	request, answer := dynamicpb.NewMessage(found.Input()), dynamicpb.NewMessage(found.Output())
	for name, value := range fields {
		request.Set(found.Input().Fields().ByName(protoreflect.Name(name)), protoreflect.ValueOf(value))
	}
	bounded, end := context.WithTimeout(context.Background(), seconds*time.Second)
	defer end()
	return answer, r.connection.Invoke(bounded, "/"+service+"/"+method, request, answer, options...)
}

func bytesOf(message *dynamicpb.Message, name string) []byte {
	return message.Get(message.Descriptor().Fields().ByName(protoreflect.Name(name))).Bytes()
}

func main() {
	here := connect()
	const kms = "meridian.kms.v1."
	encrypted := must(here.call(kms+"EncryptionService", "Encrypt", map[string]any{"key_id": os.Getenv("KEY_ID"), "plaintext": []byte("from Go")}))
	blob := bytesOf(encrypted, "ciphertext_blob")
	decrypted := must(here.call(kms+"EncryptionService", "Decrypt", map[string]any{"ciphertext_blob": blob}))
	random := must(here.call(kms+"DataKeysService", "GenerateRandom", map[string]any{"number_of_bytes": int32(16)}, grpc.UseCompressor(gzip.Name)))
	_, refused := here.call(kms+"KeysService", "DescribeKey", map[string]any{"key_id": "alias/nöthing 100%"})
	told := status.Convert(refused)
	health := must(grpc_health_v1.NewHealthClient(here.connection).Check(context.Background(), &grpc_health_v1.HealthCheckRequest{}))
	must(0, json.NewEncoder(os.Stdout).Encode(map[string]any{
		"decrypted":  string(bytesOf(decrypted, "plaintext")),
		"compressed": len(bytesOf(random, "plaintext")),
		"code":       codeName(told),
		"message":    told.Message(),
		"details":    must(proto.Marshal(told.Proto())),
		"health":     health.Status.String(),
	}))
}

// codeName is what the specification calls a code; Go has names of its own.
func codeName(told *status.Status) string {
	names := map[string]string{"InvalidArgument": "INVALID_ARGUMENT", "NotFound": "NOT_FOUND"}
	return names[told.Code().String()]
}
