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

const MODERN = '2026-07-28';
/** Of revision 2026-07-28; what is known of a list need not be read again. */
const MODERN_ANSWERS = {
  'server/discover': JSON.stringify({
    resultType: 'complete',
    supportedVersions: [MODERN],
    capabilities: { tools: {} },
    _meta: { 'io.modelcontextprotocol/serverInfo': { name: 'bench', version: '1.0.0' } },
    ttlMs: 300_000,
    cacheScope: 'public',
  }),
  'tools/list': JSON.stringify({ resultType: 'complete', tools, ttlMs: 300_000, cacheScope: 'public' }),
};

export const TOOLS_PER_SERVER = tools.length;

/** What is answered by servers with five tools. */
export const FEW_TOOLS = { ...OTHERS, 'tools/list': JSON.stringify({ tools: tools.slice(0, 5) }) };

/** The answer to a message: nothing for a notification. */
export function answerTo({ id, method, params }, others = OTHERS) {
  if (id === undefined) return undefined;
  const answer = method === 'tools/call' ? RESULTS[params.name] : others[method];
  return `{"jsonrpc":"2.0","id":${JSON.stringify(id)},"result":${answer ?? '{}'}}`;
}

/** The same of a server that speaks 2026-07-28 alone; `undefined`: it refuses the request. */
export function modernAnswerTo({ id, method, params }) {
  const answer =
    method === 'tools/call'
      ? `{"resultType":"complete",${RESULTS[params.name].slice(1)}`
      : MODERN_ANSWERS[method];
  return answer === undefined ? undefined : `{"jsonrpc":"2.0","id":${JSON.stringify(id)},"result":${answer}}`;
}

export function modernRefusalOf({ id, params }) {
  const data = { supported: [MODERN], requested: params?.protocolVersion };
  const error = { code: -32_022, message: 'Unsupported protocol version', data };
  return JSON.stringify({ jsonrpc: '2.0', id, error });
}
