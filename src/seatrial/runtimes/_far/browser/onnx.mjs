// A model in ONNX Runtime Web.
import { ARRAYS, bytes, send } from "./arrays.mjs";

let ort, session;

export async function load({ library, folder, model, beside, provider, threads, optimize }) {
  ort = await import(library);
  ort.env.wasm.wasmPaths = folder;
  ort.env.wasm.numThreads = threads;
  ort.env.logLevel = "error";
  session = await ort.InferenceSession.create(await bytes(model), {
    executionProviders: [provider],
    graphOptimizationLevel: optimize ? "all" : "disabled",
    externalData: beside,
  });
  return { threads: self.crossOriginIsolated ? ort.env.wasm.numThreads : 1, isolated: self.crossOriginIsolated };
}

export async function run(feeds, target) {
  const given = {};
  for (const { name, type, dims, address } of feeds) {
    const kind = ARRAYS[type];
    given[name] = new ort.Tensor(type, new kind((await bytes(address)).buffer), dims);
  }
  const outputs = await session.run(given);
  const told = [];
  for (const [place, name] of session.outputNames.entries()) {
    const tensor = outputs[name];
    const data = await tensor.getData();
    if (!ArrayBuffer.isView(data)) throw new Error(`output ${name} is ${tensor.type}: no numbers`);
    await send(`${target}${place}`, data);
    told.push({ name, type: tensor.type, dims: tensor.dims });
    tensor.dispose();
  }
  return told;
}
