// Loads the model that lies beside this file and runs it. ONNX Runtime Web is yours to bring:
//
//   import { open } from "./model.mjs";
//   const model = await open({ library: "/ort/" });          // the folder with ort.wasm.min.mjs
//   const outputs = await model.run({ image: { data: new Float32Array(64), dims: [1, 1, 8, 8] } });
//
// Threads need the page to be isolated (COOP and COEP headers); without them there is one.

const ARRAYS = {
  bool: Uint8Array, uint8: Uint8Array, int8: Int8Array, int16: Int16Array, int32: Int32Array,
  int64: BigInt64Array, float16: Uint16Array, float32: Float32Array, float64: Float64Array,
};

/**
 * @param {object} options
 * @param {string} options.library Folder of ONNX Runtime Web, with a slash at its end.
 * @param {string} [options.provider] wasm, or another that web.json lists.
 * @param {number} [options.threads] Of WebAssembly.
 * @returns {Promise<{about: object, run: function}>}
 */
export async function open({ library, provider = "wasm", threads = 1 }) {
  const about = await (await fetched("web.json")).json();
  if (!about.providers.includes(provider)) {
    throw new Error(`this model was made for ${about.providers.join(", ")}, not for ${provider}`);
  }
  const folder = new URL(library, document.baseURI).href;
  const ort = await import(new URL(`ort.${provider}.min.mjs`, folder).href);
  ort.env.wasm.wasmPaths = folder;
  ort.env.wasm.numThreads = threads;
  const bytes = new Uint8Array(await (await fetched(about.model.file)).arrayBuffer());
  if (bytes.byteLength !== about.model.bytes) throw new Error(`${about.model.file} is cut off or another file`);
  const session = await ort.InferenceSession.create(bytes, { executionProviders: [provider] });
  return { about, run: (feeds) => run(ort, session, about, feeds) };
}

async function fetched(name) {
  const answer = await fetch(new URL(name, import.meta.url));
  if (!answer.ok) throw new Error(`${name} is not served: ${answer.status}`);
  return answer;
}

/** Feeds by input name, each `{data, dims}`; outputs likewise. A model of fixed rows is run row by row. */
async function run(ort, session, about, feeds) {
  const count = feeds[about.inputs[0].name].dims[0];
  const step = about.rows || count;
  if (count % step) throw new Error(`rows come in steps of ${step}, and there are ${count}`);
  const parts = [];
  for (let start = 0; start < count; start += step) {
    const given = {};
    for (const { name, dtype } of about.inputs) given[name] = slice(ort, feeds[name], dtype, start, step);
    const got = await session.run(given);
    const part = {};
    for (const name of session.outputNames) part[name] = { data: await got[name].getData(), dims: got[name].dims };
    parts.push(part);
  }
  return Object.fromEntries(session.outputNames.map((name) => [name, joined(parts.map((part) => part[name]))]));
}

function slice(ort, { data, dims }, dtype, start, step) {
  const row = dims.slice(1).reduce((size, each) => size * each, 1);
  const part = ARRAYS[dtype].from(data.subarray(start * row, (start + step) * row));
  return new ort.Tensor(dtype, part, [step, ...dims.slice(1)]);
}

function joined(parts) {
  if (parts.length === 1) return parts[0];
  const length = parts.reduce((size, each) => size + each.data.length, 0);
  const data = new parts[0].data.constructor(length);
  parts.reduce((at, each) => (data.set(each.data, at), at + each.data.length), 0);
  return { data, dims: [parts.length * parts[0].dims[0], ...parts[0].dims.slice(1)] };
}

/** An array of the type that an input wants. */
export function zeros(dtype, dims) {
  return { data: new ARRAYS[dtype](dims.reduce((size, each) => size * each, 1)), dims };
}
