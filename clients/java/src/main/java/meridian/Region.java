package meridian;

import com.google.protobuf.Any;
import com.google.protobuf.InvalidProtocolBufferException;
import com.google.rpc.ErrorInfo;
import com.google.rpc.Status;
import io.grpc.Grpc;
import io.grpc.ManagedChannel;
import io.grpc.StatusRuntimeException;
import io.grpc.TlsChannelCredentials;
import io.grpc.protobuf.StatusProto;
import java.io.File;
import java.io.IOException;
import java.util.Map;
import java.util.Optional;

/** One Region's address, and the PEM files that prove it and its caller. The calls are those of the stubs in meridian.kms.v1. */
public record Region(String target, File ca, File certificate, File privateKey) {
  private static final String DOMAIN = "kms.meridian";

  /** What MERIDIAN_ENDPOINT, MERIDIAN_CA, MERIDIAN_CERTIFICATE and MERIDIAN_PRIVATE_KEY name. */
  public static Region of(Map<String, String> environment) {
    return new Region(
        environment.get("MERIDIAN_ENDPOINT"),
        new File(environment.get("MERIDIAN_CA")),
        new File(environment.get("MERIDIAN_CERTIFICATE")),
        new File(environment.get("MERIDIAN_PRIVATE_KEY")));
  }

  /** A connection over mutual TLS, for EncryptionServiceGrpc.newBlockingStub and its like. Nothing is sent before the first call. */
  public ManagedChannel connect() throws IOException {
    var proof = TlsChannelCredentials.newBuilder().trustManager(ca).keyManager(certificate, privateKey).build();
    return Grpc.newChannelBuilder(target, proof).build();
  }

  /** A refusal of a Region: the exception's name in AWS, and the id under which the Region's audit log has the call. */
  public record Refusal(String name, String message, String requestId) {}

  /** The refusal in the error of a call; empty where no Region answered. */
  public static Optional<Refusal> refusalOf(StatusRuntimeException error) {
    Status status = StatusProto.fromThrowable(error);
    if (status == null) {
      return Optional.empty();
    }
    for (Any detail : status.getDetailsList()) {
      try {
        var info = detail.is(ErrorInfo.class) ? detail.unpack(ErrorInfo.class) : ErrorInfo.getDefaultInstance();
        if (DOMAIN.equals(info.getDomain())) {
          return Optional.of(new Refusal(info.getReason(), status.getMessage(), info.getMetadataOrDefault("request_id", "")));
        }
      } catch (InvalidProtocolBufferException unreadable) {
        return Optional.empty();
      }
    }
    return Optional.empty();
  }
}
