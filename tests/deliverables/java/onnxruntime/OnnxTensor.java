package ai.onnxruntime;

import java.nio.ByteBuffer;

public class OnnxTensor implements OnnxValue {
    final ByteBuffer bytes;
    private final TensorInfo info;

    OnnxTensor(ByteBuffer bytes, TensorInfo info) {
        this.bytes = bytes;
        this.info = info;
    }

    public static OnnxTensor createTensor(
            OrtEnvironment environment, ByteBuffer data, long[] shape, OnnxJavaType type) throws OrtException {
        return new OnnxTensor(data, new TensorInfo(type, shape));
    }

    public static OnnxTensor createTensor(OrtEnvironment environment, String[] data, long[] shape)
            throws OrtException {
        throw new OrtException("this interface takes no text");
    }

    public TensorInfo getInfo() {
        return info;
    }

    /** As in the real one: a copy, whose order says nothing about the bytes. */
    public ByteBuffer getByteBuffer() {
        ByteBuffer copy = ByteBuffer.allocate(bytes.capacity());
        copy.put(bytes.duplicate().rewind());
        return copy.rewind();
    }

    @Override
    public Object getValue() throws OrtException {
        throw new OrtException("this interface gives no values");
    }

    @Override
    public void close() {}
}
