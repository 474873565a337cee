// A model in Paddle.js: one row in, one output.
import { bytes, send } from "./arrays.mjs";

let runner, input, output;

export async function load({ scripts, model, row, result }) {
  // It does not ask twice, and reports what it does not understand to the console only.
  for (const each of scripts) await script(each);
  [input, output] = [row, result];
  runner = new paddlejs.core.Runner({ modelPath: model, needPreheat: false });
  await runner.init();
  return { threads: 1, isolated: self.crossOriginIsolated };
}

function script(address) {
  return new Promise((done, failed) => {
    const element = document.createElement("script");
    element.src = address;
    element.onload = done;
    element.onerror = () => failed(new Error(`${address.split("/").at(-3)} does not load`));
    document.head.append(element);
  });
}

export async function run(feeds, target) {
  const data = new Float32Array((await bytes(feeds[0].address)).buffer);
  let answer = await runner.predictWithFeed([{ data, name: "image", shape: input }]);
  while (Array.isArray(answer) && Array.isArray(answer[0])) answer = answer[0];
  const wanted = output.reduce((size, each) => size * each, 1);
  if (!answer || answer.length !== wanted) throw new Error(`the answer has ${answer?.length} numbers, not ${wanted}`);
  await send(`${target}0`, Float32Array.from(answer));
  return [{ name: "output", type: "float32", dims: output }];
}
