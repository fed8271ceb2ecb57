import type { McpClient, RequestOptions } from 'mcp-fleet';
import { Random } from '../faults/random.js';
import { type Fate, fateOf, NO_ANSWER } from './fates.js';
import { type FuzzTransport, TRANSPORTS } from './servers.js';

/** How long a call waits for an answer that does not come, and for one that should. */
const NO_ANSWER_MS = 300;
const ANSWER_MS = 3_000;

type Request = (client: McpClient, nonce: string, options: RequestOptions) => Promise<unknown>;

/** Kinds of call by the method that they send. */
const CALLS: readonly [method: string, request: Request][] = [
  [
    'tools/call',
    (client, nonce, options) => client.callTool({ name: 'work', arguments: { nonce } }, options),
  ],
  [
    'tools/call',
    (client, nonce, options) =>
      client.callTool({ name: 'work', arguments: { nonce } }, { ...options, onProgress: () => {} }),
  ],
  ['tools/list', (client, _nonce, options) => client.listTools({ ...options, fresh: true })],
  ['resources/list', (client, _nonce, options) => client.listResources({ ...options, fresh: true })],
  [
    'resources/templates/list',
    (client, _nonce, options) => client.listResourceTemplates({ ...options, fresh: true }),
  ],
  ['resources/read', (client, _nonce, options) => client.readResource('file:///a', options)],
  ['resources/subscribe', (client, _nonce, options) => client.subscribeResource('file:///a', options)],
  ['prompts/list', (client, _nonce, options) => client.listPrompts({ ...options, fresh: true })],
  ['prompts/get', (client, _nonce, options) => client.getPrompt('p', {}, options)],
  [
    'completion/complete',
    (client, _nonce, options) =>
      client.complete(
        { ref: { type: 'ref/prompt', name: 'p' }, argument: { name: 'a', value: '' } },
        options,
      ),
  ],
  ['ping', (client, _nonce, options) => client.ping(options)],
  [
    'initialize',
    (client, nonce, options) => client.callTool({ name: 'work', arguments: { nonce } }, options),
  ],
];

/** One odd answer to one call over one transport. */
export interface Input {
  readonly number: number;
  readonly transport: FuzzTransport;
  readonly method: string;
  readonly request: (client: McpClient, nonce: string) => Promise<unknown>;
  readonly fate: Fate;
}

/** What a session of 2026-07-28 sends in the place of these. */
const MODERN_METHODS: Readonly<Record<string, string>> = {
  initialize: 'server/discover',
  ping: 'server/discover',
};

/** The same for the same seed and number. */
export function inputOf(seed: number, number: number): Input {
  const random = new Random(seed * 1_000_003 + number);
  // Tools are what must not run twice; a process takes long to start.
  const [method, request] = random.pick(random.chance(0.4) ? CALLS.slice(0, 2) : CALLS);
  const transport = TRANSPORTS[number % TRANSPORTS.length] as FuzzTransport;
  const fate = fateOf(random);
  const isModern = transport.endsWith('-modern');
  const timeoutMs = NO_ANSWER.includes(fate.framing) ? NO_ANSWER_MS : ANSWER_MS;
  return {
    number,
    transport,
    method: isModern ? (MODERN_METHODS[method] ?? method) : method,
    request: (client, nonce) => request(client, nonce, { timeoutMs }),
    fate,
  };
}
