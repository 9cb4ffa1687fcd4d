// What gRPC's own client for Java sees of a Region: one JSON object on standard output.

import com.google.protobuf.ByteString;
import com.google.protobuf.DescriptorProtos.FileDescriptorProto;
import com.google.protobuf.DescriptorProtos.FileDescriptorSet;
import com.google.protobuf.Descriptors.FileDescriptor;
import com.google.protobuf.Descriptors.MethodDescriptor;
import com.google.protobuf.DynamicMessage;
import io.grpc.CallOptions;
import io.grpc.ManagedChannel;
import io.grpc.StatusRuntimeException;
import io.grpc.netty.shaded.io.grpc.netty.GrpcSslContexts;
import io.grpc.netty.shaded.io.grpc.netty.NettyChannelBuilder;
import io.grpc.protobuf.ProtoUtils;
import io.grpc.protobuf.StatusProto;
import io.grpc.stub.ClientCalls;
import java.io.File;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Base64;
import java.util.HashMap;
import java.util.Map;
import java.util.concurrent.TimeUnit;

public final class Story {
    private static final int SECONDS = 20;
    private static final Map<String, FileDescriptor> FILES = new HashMap<>();
    private static ManagedChannel channel;

    private static File file(String name) {
        return new File(System.getenv(name));
    }

    private static FileDescriptor built(Map<String, FileDescriptorProto> protos, String name) throws Exception {
        if (!FILES.containsKey(name)) {
            FileDescriptorProto proto = protos.get(name);
            FileDescriptor[] needed = new FileDescriptor[proto.getDependencyCount()];
            for (int at = 0; at < needed.length; at++) {
                needed[at] = built(protos, proto.getDependency(at));
            }
            FILES.put(name, FileDescriptor.buildFrom(proto, needed));
        }
        return FILES.get(name);
    }

    private static MethodDescriptor method(String service, String name) {
        for (FileDescriptor each : FILES.values()) {
            for (var found : each.getServices()) {
                if (found.getFullName().equals(service)) {
                    return found.findMethodByName(name);
                }
            }
        }
        throw new IllegalStateException(service);
    }

    private static DynamicMessage call(String service, String name, Map<String, Object> fields, String compressor) {
        MethodDescriptor method = method(service, name);
        DynamicMessage.Builder request = DynamicMessage.newBuilder(method.getInputType());
        fields.forEach((field, value) -> request.setField(method.getInputType().findFieldByName(field), value));
        var described =
            io.grpc.MethodDescriptor.<DynamicMessage, DynamicMessage>newBuilder()
                .setType(io.grpc.MethodDescriptor.MethodType.UNARY)
                .setFullMethodName(service + "/" + name)
                .setRequestMarshaller(ProtoUtils.marshaller(DynamicMessage.getDefaultInstance(method.getInputType())))
                .setResponseMarshaller(ProtoUtils.marshaller(DynamicMessage.getDefaultInstance(method.getOutputType())))
                .build();
        CallOptions options = CallOptions.DEFAULT.withDeadlineAfter(SECONDS, TimeUnit.SECONDS);
        return ClientCalls.blockingUnaryCall(channel, described, compressor.isEmpty() ? options : options.withCompression(compressor), request.build());
    }

    private static Object field(DynamicMessage message, String name) {
        return message.getField(message.getDescriptorForType().findFieldByName(name));
    }

    public static void main(String[] none) throws Exception {
        Map<String, FileDescriptorProto> protos = new HashMap<>();
        FileDescriptorSet set = FileDescriptorSet.parseFrom(Files.readAllBytes(Path.of(System.getenv("DESCRIPTORS"))));
        set.getFileList().forEach(each -> protos.put(each.getName(), each));
        for (String name : protos.keySet()) {
            built(protos, name);
        }
        var secured = GrpcSslContexts.forClient().trustManager(file("CA")).keyManager(file("CERTIFICATE"), file("PRIVATE_KEY")).build();
        channel = NettyChannelBuilder.forTarget(System.getenv("TARGET")).sslContext(secured).build();
        String kms = "meridian.kms.v1.";
        ByteString plaintext = ByteString.copyFromUtf8("from Java");
        DynamicMessage encrypted = call(kms + "EncryptionService", "Encrypt", Map.of("key_id", System.getenv("KEY_ID"), "plaintext", plaintext), "");
        DynamicMessage decrypted = call(kms + "EncryptionService", "Decrypt", Map.of("ciphertext_blob", field(encrypted, "ciphertext_blob")), "");
        DynamicMessage random = call(kms + "DataKeysService", "GenerateRandom", Map.of("number_of_bytes", 16), "gzip");
        String code = "", message = "", details = "";
        try {
            call(kms + "KeysService", "DescribeKey", Map.of("key_id", "alias/n\u00f6thing 100%"), "");
        } catch (StatusRuntimeException refused) {
            code = refused.getStatus().getCode().name();
            message = refused.getStatus().getDescription();
            details = Base64.getEncoder().encodeToString(StatusProto.fromThrowable(refused).toByteArray());
        }
        DynamicMessage health = call("grpc.health.v1.Health", "Check", Map.of(), "");
        System.out.printf(
            "{\"decrypted\": \"%s\", \"compressed\": %d, \"code\": \"%s\", \"message\": \"%s\", \"details\": \"%s\", \"health\": \"%s\"}%n",
            ((ByteString) field(decrypted, "plaintext")).toStringUtf8(),
            ((ByteString) field(random, "plaintext")).size(),
            code,
            message.replace("\"", "\\\""),
            details,
            field(health, "status"));
        channel.shutdownNow();
    }
}
