// What the bench servers answer, built once: what is measured is the client.
const NOTES = 'a result of this length, ';

const text = (bytes) => NOTES.repeat(Math.ceil(bytes / NOTES.length)).slice(0, bytes);
const result = (bytes) => JSON.stringify({ content: [{ type: 'text', text: text(bytes) }] });

/** By the tool's name; `sse` is `echo` in an event stream. */
const RESULTS = {
  echo: result(5),
  sse: result(5),
  '1KB': result(1_000),
  '100KB': result(100_000),
  '1MB': result(1_000_000),
};

const MORE_TOOLS = ['search', 'read', 'write', 'move', 'list'];
const tools = [...Object.keys(RESULTS), ...MORE_TOOLS].map((name) => ({
  name,
  description: `The tool ${name}: ${text(100)}`,
  inputSchema: { type: 'object', properties: { text: { type: 'string', description: text(40) } } },
}));

const OTHERS = {
  initialize: JSON.stringify({
    protocolVersion: '2025-11-25',
    capabilities: { tools: {} },
    serverInfo: { name: 'bench', version: '1.0.0' },
  }),
  'tools/list': JSON.stringify({ tools }),
};

export const TOOLS_PER_SERVER = tools.length;

/** The answer to a message: nothing for a notification. */
export function answerTo({ id, method, params }) {
  if (id === undefined) return undefined;
  const answer = method === 'tools/call' ? RESULTS[params.name] : OTHERS[method];
  return `{"jsonrpc":"2.0","id":${JSON.stringify(id)},"result":${answer ?? '{}'}}`;
}
