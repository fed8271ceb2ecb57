// The client under test: a host that uses the public API, and does what each scenario of the suite asks a host to do.
// `node client.mjs URL`, with the scenario and the revision in the environment.
import { clientCredentials, McpClient } from 'mcp-fleet';

const url = process.argv.at(-1);
const scenario = process.env.MCP_CONFORMANCE_SCENARIO;
const revision = process.env.MCP_CONFORMANCE_PROTOCOL_VERSION;
const context = JSON.parse(process.env.MCP_CONFORMANCE_CONTEXT ?? '{}');

/** Arguments for a tool of whatever schema. */
const SAMPLES = { string: 'text', integer: 1, number: 1.5, boolean: true, array: [], object: {}, null: null };

const client = new McpClient('server', {
  url,
  protocol: revision === undefined ? 'auto' : revision === '2026-07-28' ? revision : '2025-11-25',
  callTimeoutMs: 10_000,
  handlers: {
    elicitation: async () => ({ action: 'accept', content: {} }),
    sampling: async () => ({ model: 'm', role: 'assistant', content: { type: 'text', text: 'x' } }),
    roots: async () => [{ uri: 'file:///' }],
  },
  ...(context.client_secret !== undefined && { auth: credentials(context) }),
});

try {
  await run();
} finally {
  await client.close();
}

async function run() {
  const tools = await client.listTools();
  if (context.toolCalls !== undefined) {
    for (const { name, arguments: given } of context.toolCalls) await call(name, given);
    return;
  }
  if (scenario === 'json-schema-2020-12-preservation') {
    const [focal, echo] = tools;
    return call(echo.name, { schema: focal.inputSchema });
  }
  if (scenario === 'sep-2322-client-request-state') await Promise.all(tools.map(callWithSamples));
  else for (const tool of tools) await callWithSamples(tool);
  for (const { uri } of await client.listResources()) await client.readResource(uri);
  for (const { name } of await client.listPrompts()) await client.getPrompt(name);
}

function callWithSamples({ name, inputSchema: { properties = {} } }) {
  const samples = Object.entries(properties).map(([each, { type }]) => [each, SAMPLES[type]]);
  return call(name, Object.fromEntries(samples));
}

/** A scenario looks at what was sent: what a tool fails with is none of its business. */
function call(name, args) {
  return client.callTool({ name, arguments: args }).catch(() => {});
}

function credentials({ client_id: clientId, client_secret: clientSecret }) {
  return clientCredentials({ clientId, clientSecret, trustServerMetadata: true });
}
