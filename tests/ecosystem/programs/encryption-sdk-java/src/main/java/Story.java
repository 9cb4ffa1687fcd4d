import static java.nio.charset.StandardCharsets.UTF_8;

import com.amazonaws.encryptionsdk.AwsCrypto;
import com.amazonaws.encryptionsdk.exception.AwsCryptoException;
import java.util.Base64;
import java.util.Map;
import software.amazon.cryptography.materialproviders.IKeyring;
import software.amazon.cryptography.materialproviders.MaterialProviders;
import software.amazon.cryptography.materialproviders.model.CreateAwsKmsMultiKeyringInput;
import software.amazon.cryptography.materialproviders.model.MaterialProvidersConfig;

/** The AWS Encryption SDK for Java as its users write it: opens a message of another language, and seals one for it. */
public final class Story {
  private Story() {}

  public static void main(String[] args) {
    AwsCrypto crypto = AwsCrypto.standard();
    IKeyring keyring = under(System.getenv("KEY_ARN"));
    byte[] foreign = Base64.getDecoder().decode(System.getenv("SEALED"));
    byte[] sealed = crypto.encryptData(keyring, "from Java".getBytes(UTF_8), Map.of("tenant", "a")).getResult();
    String opened = new String(crypto.decryptData(keyring, foreign).getResult(), UTF_8);
    System.out.printf(
        "{\"opened\": \"%s\", \"sealed\": \"%s\", \"refused\": %s}%n",
        opened, Base64.getEncoder().encodeToString(sealed), isRefused(crypto, sealed));
  }

  private static IKeyring under(String arn) {
    MaterialProviders providers =
        MaterialProviders.builder().MaterialProvidersConfig(MaterialProvidersConfig.builder().build()).build();
    return providers.CreateAwsKmsMultiKeyring(CreateAwsKmsMultiKeyringInput.builder().generator(arn).build());
  }

  /** Under a key that the message was not made for. */
  private static boolean isRefused(AwsCrypto crypto, byte[] sealed) {
    try {
      crypto.decryptData(under(System.getenv("OTHER_ARN")), sealed);
      return false;
    } catch (RuntimeException refusal) {
      return refusal instanceof AwsCryptoException || refusal.getClass().getName().startsWith("software.amazon.cryptography");
    }
  }
}
