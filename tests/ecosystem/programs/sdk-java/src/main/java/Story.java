import java.security.MessageDigest;
import java.util.Base64;
import java.util.Map;
import java.util.TreeMap;
import java.util.concurrent.CompletionException;
import java.util.stream.Collectors;
import java.util.stream.Stream;
import software.amazon.awssdk.core.SdkBytes;
import software.amazon.awssdk.services.kms.KmsAsyncClient;
import software.amazon.awssdk.services.kms.KmsClient;
import software.amazon.awssdk.services.kms.model.DataKeySpec;
import software.amazon.awssdk.services.kms.model.DisabledException;
import software.amazon.awssdk.services.kms.model.InvalidCiphertextException;
import software.amazon.awssdk.services.kms.model.KeyMetadata;
import software.amazon.awssdk.services.kms.model.KeySpec;
import software.amazon.awssdk.services.kms.model.KeyState;
import software.amazon.awssdk.services.kms.model.KeyUsageType;
import software.amazon.awssdk.services.kms.model.KmsException;
import software.amazon.awssdk.services.kms.model.KmsInvalidMacException;
import software.amazon.awssdk.services.kms.model.MacAlgorithmSpec;
import software.amazon.awssdk.services.kms.model.MessageType;
import software.amazon.awssdk.services.kms.model.NotFoundException;
import software.amazon.awssdk.services.kms.model.SigningAlgorithmSpec;
import software.amazon.awssdk.services.kms.model.Tag;

/** The AWS SDK for Java as its users write it, the waiting client and the other one: one story, told as JSON. */
public final class Story {
  private static final Map<String, String> TENANT = Map.of("tenant", "a");
  private static final SdkBytes MESSAGE = SdkBytes.fromUtf8String("a message");

  private final Map<String, Object> told = new TreeMap<>();

  public static void main(String[] args) throws Exception {
    Story story = new Story();
    try (KmsClient kms = KmsClient.create();
        KmsAsyncClient waitless = KmsAsyncClient.create()) {
      story.ciphers(kms, waitless);
      story.signatures(kms);
      story.macs(kms);
    }
    System.out.println(
        story.told.entrySet().stream()
            .map(each -> "\"%s\": %s".formatted(each.getKey(), shown(each.getValue())))
            .collect(Collectors.joining(", ", "{", "}")));
  }

  private void ciphers(KmsClient kms, KmsAsyncClient waitless) {
    Tag[] tags = Stream.of("one", "two", "three").map(name -> Tag.builder().tagKey(name).tagValue("x").build()).toArray(Tag[]::new);
    KeyMetadata made = kms.createKey(r -> r.description("of Java").tags(tags)).keyMetadata();
    String alias = "alias/of-java-" + made.keyId().substring(0, 8);
    kms.createAlias(r -> r.aliasName(alias).targetKeyId(made.keyId()));
    KeyMetadata described = kms.describeKey(r -> r.keyId(alias)).keyMetadata();
    told.put("described", described.arn().equals(made.arn()) && described.keyState() == KeyState.ENABLED);
    told.put("tags", kms.listResourceTagsPaginator(r -> r.keyId(made.keyId()).limit(1)).tags().stream().count());

    SdkBytes foreign = SdkBytes.fromByteArray(Base64.getDecoder().decode(System.getenv("SEALED")));
    told.put("opened", kms.decrypt(r -> r.ciphertextBlob(foreign).encryptionContext(TENANT)).plaintext().asUtf8String());
    SdkBytes plaintext = SdkBytes.fromUtf8String("from Java");
    SdkBytes sealed = waitless.encrypt(r -> r.keyId(alias).plaintext(plaintext).encryptionContext(TENANT)).join().ciphertextBlob();
    told.put("sealed", text(sealed));
    try {
      told.put("refused", waitless.decrypt(r -> r.ciphertextBlob(sealed)).join());
    } catch (CompletionException refusal) {
      told.put("refused", name(InvalidCiphertextException.class, refusal.getCause()));
    }

    var fresh = kms.generateDataKey(r -> r.keyId(alias).keySpec(DataKeySpec.AES_256));
    SdkBytes again = kms.decrypt(r -> r.ciphertextBlob(fresh.ciphertextBlob())).plaintext();
    told.put("dataKey", fresh.plaintext().equals(again) && again.asByteArray().length == 32);

    kms.disableKey(r -> r.keyId(made.keyId()));
    told.put("disabled", refused(DisabledException.class, () -> kms.encrypt(r -> r.keyId(alias).plaintext(plaintext))));
    kms.enableKey(r -> r.keyId(made.keyId()));
    told.put("absent", refused(NotFoundException.class, () -> kms.describeKey(r -> r.keyId("alias/nowhere"))));
  }

  private void signatures(KmsClient kms) throws Exception {
    String key = kms.createKey(r -> r.keySpec(KeySpec.ECC_NIST_P256).keyUsage(KeyUsageType.SIGN_VERIFY)).keyMetadata().keyId();
    SdkBytes digest = SdkBytes.fromByteArray(MessageDigest.getInstance("SHA-256").digest(MESSAGE.asByteArray()));
    told.put("signature", text(kms.sign(r -> r.keyId(key).message(digest).messageType(MessageType.DIGEST)
        .signingAlgorithm(SigningAlgorithmSpec.ECDSA_SHA_256)).signature()));
    told.put("publicKey", text(kms.getPublicKey(r -> r.keyId(key)).publicKey()));
  }

  private void macs(KmsClient kms) {
    String key = kms.createKey(r -> r.keySpec(KeySpec.HMAC_256).keyUsage(KeyUsageType.GENERATE_VERIFY_MAC)).keyMetadata().keyId();
    SdkBytes mac = kms.generateMac(r -> r.keyId(key).message(MESSAGE).macAlgorithm(MacAlgorithmSpec.HMAC_SHA_256)).mac();
    SdkBytes another = SdkBytes.fromUtf8String("another");
    told.put("mac", refused(KmsInvalidMacException.class,
        () -> kms.verifyMac(r -> r.keyId(key).message(another).mac(mac).macAlgorithm(MacAlgorithmSpec.HMAC_SHA_256))));
  }

  private static String refused(Class<? extends KmsException> expected, Runnable call) {
    try {
      call.run();
      return "nothing";
    } catch (KmsException refusal) {
      return name(expected, refusal);
    }
  }

  /** AWS's name of a refusal, where it is of the class that the SDK has for it. */
  private static String name(Class<? extends KmsException> expected, Throwable refusal) {
    return expected.cast(refusal).awsErrorDetails().errorCode();
  }

  private static String text(SdkBytes value) {
    return Base64.getEncoder().encodeToString(value.asByteArray());
  }

  private static String shown(Object value) {
    return value instanceof String text ? "\"" + text + "\"" : value.toString();
  }
}
