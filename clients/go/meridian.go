// Package meridian reaches a Region over mutual TLS, and reads its refusals by AWS's names. The calls are those of package kmsv1.
package meridian

import (
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"os"

	"google.golang.org/genproto/googleapis/rpc/errdetails"
	"google.golang.org/grpc"
	"google.golang.org/grpc/credentials"
	"google.golang.org/grpc/status"
)

const domain = "kms.meridian"

// Endpoint is one Region's address, and the PEM files that prove it and its caller.
type Endpoint struct{ Target, CA, Certificate, PrivateKey string }

// FromEnvironment is what MERIDIAN_ENDPOINT, MERIDIAN_CA, MERIDIAN_CERTIFICATE and MERIDIAN_PRIVATE_KEY name.
func FromEnvironment() Endpoint {
	return Endpoint{os.Getenv("MERIDIAN_ENDPOINT"), os.Getenv("MERIDIAN_CA"), os.Getenv("MERIDIAN_CERTIFICATE"), os.Getenv("MERIDIAN_PRIVATE_KEY")}
}

// Connect makes a connection; kmsv1.NewEncryptionServiceClient and its like take it. Nothing is sent before the first call.
func Connect(region Endpoint, options ...grpc.DialOption) (*grpc.ClientConn, error) {
	pair, err := tls.LoadX509KeyPair(region.Certificate, region.PrivateKey)
	if err != nil {
		return nil, err
	}
	authority, err := os.ReadFile(region.CA)
	if err != nil {
		return nil, err
	}
	roots := x509.NewCertPool()
	if !roots.AppendCertsFromPEM(authority) {
		return nil, fmt.Errorf("%s: holds no certificate", region.CA)
	}
	secured := credentials.NewTLS(&tls.Config{Certificates: []tls.Certificate{pair}, RootCAs: roots, MinVersion: tls.VersionTLS12})
	return grpc.NewClient(region.Target, append([]grpc.DialOption{grpc.WithTransportCredentials(secured)}, options...)...)
}

// Error is a refusal of a Region.
type Error struct {
	Name      string // of the exception, as AWS has it
	Message   string
	RequestID string // under which the Region's audit log has the call
	cause     error
}

func (e *Error) Error() string { return e.Name + ": " + e.Message }

// Unwrap gives the status of gRPC that it came with.
func (e *Error) Unwrap() error { return e.cause }

// Refusal finds the refusal of a Region in the error of a call; it is nil where no Region answered.
func Refusal(err error) *Error {
	var known *Error
	if errors.As(err, &known) {
		return known
	}
	told, ok := status.FromError(err)
	if !ok {
		return nil
	}
	for _, detail := range told.Details() {
		if info, ok := detail.(*errdetails.ErrorInfo); ok && info.Domain == domain {
			return &Error{info.Reason, told.Message(), info.Metadata["request_id"], err}
		}
	}
	return nil
}
