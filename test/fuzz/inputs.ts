import type { McpClient } from 'mcp-fleet';
import { Random } from '../faults/random.js';
import { type Fate, fateOf } from './fates.js';
import { type FuzzTransport, TRANSPORTS } from './servers.js';

/** How long a call waits for an answer that does not come. */
const TIMEOUT_MS = 300;

type Request = (client: McpClient, nonce: string) => Promise<unknown>;
const options = { timeoutMs: TIMEOUT_MS };
const fresh = { ...options, fresh: true };

/** Kinds of call by the method that they send. */
const CALLS: readonly [method: string, request: Request][] = [
  ['tools/call', (client, nonce) => client.callTool({ name: 'work', arguments: { nonce } }, options)],
  [
    'tools/call',
    (client, nonce) =>
      client.callTool({ name: 'work', arguments: { nonce } }, { ...options, onProgress: () => {} }),
  ],
  ['tools/list', (client) => client.listTools(fresh)],
  ['resources/list', (client) => client.listResources(fresh)],
  ['resources/templates/list', (client) => client.listResourceTemplates(fresh)],
  ['resources/read', (client) => client.readResource('file:///a', options)],
  ['resources/subscribe', (client) => client.subscribeResource('file:///a', options)],
  ['prompts/list', (client) => client.listPrompts(fresh)],
  ['prompts/get', (client) => client.getPrompt('p', {}, options)],
  [
    'completion/complete',
    (client) =>
      client.complete(
        { ref: { type: 'ref/prompt', name: 'p' }, argument: { name: 'a', value: '' } },
        options,
      ),
  ],
  ['ping', (client) => client.ping(options)],
  ['initialize', (client, nonce) => client.callTool({ name: 'work', arguments: { nonce } }, options)],
];

/** One odd answer to one call over one transport. */
export interface Input {
  readonly number: number;
  readonly transport: FuzzTransport;
  readonly method: string;
  readonly request: Request;
  readonly fate: Fate;
}

/** The same for the same seed and number. */
export function inputOf(seed: number, number: number): Input {
  const random = new Random(seed * 1_000_003 + number);
  // Tools are what must not run twice; a process takes long to start.
  const [method, request] = random.pick(random.chance(0.4) ? CALLS.slice(0, 2) : CALLS);
  const transport = TRANSPORTS[number % TRANSPORTS.length] as FuzzTransport;
  return { number, transport, method, request, fate: fateOf(random) };
}
