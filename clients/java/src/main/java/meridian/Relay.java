package meridian;

import com.google.protobuf.ByteString;
import io.grpc.StatusRuntimeException;
import java.util.Base64;
import java.util.Map;
import java.util.concurrent.TimeUnit;
import meridian.kms.v1.Encryption.DecryptRequest;
import meridian.kms.v1.Encryption.EncryptRequest;
import meridian.kms.v1.EncryptionServiceGrpc;

/** Opens what another client sealed and seals something for the next one, over a Region: one JSON object on standard output. */
public final class Relay {
  private static final long SECONDS = 20;

  private Relay() {}

  public static void main(String[] arguments) throws Exception {
    var channel = Region.of(System.getenv()).connect();
    var kms = EncryptionServiceGrpc.newBlockingStub(channel).withDeadlineAfter(SECONDS, TimeUnit.SECONDS);
    var blob = ByteString.copyFrom(Base64.getDecoder().decode(System.getenv("SEALED")));
    var tenant = Map.of("tenant", "a");
    var opened = kms.decrypt(DecryptRequest.newBuilder().setCiphertextBlob(blob).putAllEncryptionContext(tenant).build());
    var request = EncryptRequest.newBuilder().setKeyId(System.getenv("KEY_ID")).setPlaintext(ByteString.copyFromUtf8("from Java"));
    var sealed = kms.encrypt(request.putAllEncryptionContext(tenant).build());
    try {
      kms.decrypt(DecryptRequest.newBuilder().setCiphertextBlob(blob).build());
      throw new IllegalStateException("a ciphertext was opened without its context");
    } catch (StatusRuntimeException error) {
      var refused = Region.refusalOf(error).orElseThrow(() -> error);
      System.out.printf(
          "{\"opened\": \"%s\", \"sealed\": \"%s\", \"refused\": \"%s\", \"requestId\": \"%s\"}%n",
          opened.getPlaintext().toStringUtf8(),
          Base64.getEncoder().encodeToString(sealed.getCiphertextBlob().toByteArray()),
          refused.name(),
          refused.requestId());
    }
    channel.shutdownNow().awaitTermination(SECONDS, TimeUnit.SECONDS);
  }
}
