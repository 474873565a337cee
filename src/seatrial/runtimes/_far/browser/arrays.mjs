// How arrays come into the page and leave it: as their bytes, little-endian, never as text.

export const ARRAYS = {
  bool: Uint8Array,
  uint8: Uint8Array,
  int8: Int8Array,
  uint16: Uint16Array,
  int16: Int16Array,
  uint32: Uint32Array,
  int32: Int32Array,
  uint64: BigUint64Array,
  int64: BigInt64Array,
  float16: Uint16Array,
  float32: Float32Array,
  float64: Float64Array,
};

export async function bytes(address) {
  const answer = await fetch(address);
  if (!answer.ok) throw new Error(`${address.split("/").pop()} is not served: ${answer.status}`);
  return new Uint8Array(await answer.arrayBuffer());
}

export async function send(address, array) {
  const body = new Uint8Array(array.buffer, array.byteOffset, array.byteLength);
  const answer = await fetch(address, { method: "POST", body });
  if (!answer.ok) throw new Error(`an output was not taken: ${answer.status}`);
}
