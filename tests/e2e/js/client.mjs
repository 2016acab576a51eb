// One operation of the real SDK: node client.mjs OPERATION JSON. Prints its result as one line.
import runpodSdk from "runpod-sdk";

const { MR_BASE, MR_KEY, MR_ENDPOINT } = process.env;
const endpoint = runpodSdk(MR_KEY, { baseUrl: MR_BASE }).endpoint(MR_ENDPOINT);

async function streamOf(input) {
  const { id } = await endpoint.run({ input });
  const items = [];
  for await (const item of endpoint.stream(id)) items.push(item);
  return { items, status: (await endpoint.status(id)).status };
}

const operations = {
  run: (input) => endpoint.run({ input }),
  runSync: (input) => endpoint.runSync({ input }),
  runSyncShort: (input) => endpoint.runSync({ input }, 2000),
  status: (id) => endpoint.status(id),
  statusSync: (id) => endpoint.statusSync(id, 20000),
  cancel: (id) => endpoint.cancel(id),
  health: () => endpoint.health(),
  purgeQueue: () => endpoint.purgeQueue(),
  stream: streamOf,
};

let result;
try {
  result = await operations[process.argv[2]](JSON.parse(process.argv[3]));
} catch (error) {
  result = { thrown: { message: error.message, status: error.response?.status ?? null,
                       data: error.response?.data ?? null } };
}
console.log(JSON.stringify(result));
