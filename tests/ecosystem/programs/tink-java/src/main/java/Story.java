import static java.nio.charset.StandardCharsets.UTF_8;

import com.google.crypto.tink.Aead;
import com.google.crypto.tink.KeysetHandle;
import com.google.crypto.tink.RegistryConfiguration;
import com.google.crypto.tink.TinkJsonProtoKeysetFormat;
import com.google.crypto.tink.aead.AeadConfig;
import com.google.crypto.tink.aead.KmsEnvelopeAead;
import com.google.crypto.tink.aead.PredefinedAeadParameters;
import com.google.crypto.tink.integration.awskms.AwsKmsClient;
import com.google.gson.JsonObject;
import java.security.GeneralSecurityException;
import java.util.Base64;

/** Tink for Java as its users write it: opens what another language sealed, and seals for the next one. */
public final class Story {
  private static final byte[] TENANT = "of tenant a".getBytes(UTF_8);

  private Story() {}

  public static void main(String[] args) throws Exception {
    AeadConfig.register();
    String uri = System.getenv("KEY_URI");
    Aead remote = new AwsKmsClient(uri).withDefaultCredentials().getAead(uri);
    Aead envelope = KmsEnvelopeAead.create(PredefinedAeadParameters.AES256_GCM, remote);

    JsonObject told = new JsonObject();
    byte[] sealed = Base64.getDecoder().decode(System.getenv("SEALED"));
    told.addProperty("opened", new String(envelope.decrypt(sealed, TENANT), UTF_8));
    told.addProperty("refused", isRefused(envelope, sealed));
    told.addProperty("sealed", text(envelope.encrypt("from Java".getBytes(UTF_8), TENANT)));

    KeysetHandle handle = TinkJsonProtoKeysetFormat.parseEncryptedKeyset(System.getenv("KEYSET"), remote, TENANT);
    told.addProperty("keyset", TinkJsonProtoKeysetFormat.serializeEncryptedKeyset(handle, remote, TENANT));
    Aead underKeyset = handle.getPrimitive(RegistryConfiguration.get(), Aead.class);
    told.addProperty("underKeyset", text(underKeyset.encrypt("from Java".getBytes(UTF_8), TENANT)));
    System.out.println(told);
  }

  private static boolean isRefused(Aead envelope, byte[] sealed) {
    try {
      envelope.decrypt(sealed, "of tenant b".getBytes(UTF_8));
      return false;
    } catch (GeneralSecurityException refusal) {
      return true;
    }
  }

  private static String text(byte[] value) {
    return Base64.getEncoder().encodeToString(value);
  }
}
