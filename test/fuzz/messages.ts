/** A message as a server reads it. */
export interface Rpc {
  readonly id?: number | string;
  readonly method?: string;
  readonly params?: {
    readonly arguments?: { readonly nonce?: string };
    readonly _meta?: { readonly progressToken?: unknown; readonly [VERSION_KEY]?: unknown };
    /** With these, it is the same request once more. */
    readonly inputResponses?: object;
    readonly requestState?: string;
  };
}

const VERSION_KEY = 'io.modelcontextprotocol/protocolVersion';

const TEXT = { type: 'text', text: 'done', annotations: { audience: ['user'], priority: 1 } };
const INFO = { name: 'fuzz', version: '1', title: 'Fuzz' };

/** What a server in its right mind answers, by method. */
const RESULTS: Readonly<Record<string, object>> = {
  initialize: {
    protocolVersion: '2025-06-18',
    capabilities: {
      tools: { listChanged: true },
      resources: { subscribe: true, listChanged: true },
      prompts: { listChanged: true },
      logging: {},
      completions: {},
    },
    serverInfo: INFO,
    instructions: 'Be kind.',
    _meta: { a: 1 },
  },
  ping: {},
  'server/discover': {
    supportedVersions: ['2026-07-28'],
    capabilities: { tools: {}, resources: {}, prompts: {}, completions: {} },
    instructions: 'Be kind.',
    _meta: { 'io.modelcontextprotocol/serverInfo': INFO },
  },
  'tools/list': {
    tools: [
      {
        name: 'work',
        title: 'Work',
        description: 'Works.',
        inputSchema: { type: 'object', properties: { nonce: { type: 'string' } }, required: ['nonce'] },
        annotations: { readOnlyHint: false, title: 'Work' },
      },
      { name: 'other', inputSchema: { type: 'object' }, outputSchema: { type: 'object' } },
    ],
  },
  'tools/call': {
    content: [
      TEXT,
      { type: 'image', data: 'iVBORw0KGgo=', mimeType: 'image/png' },
      { type: 'resource_link', uri: 'file:///a', name: 'a' },
      { type: 'resource', resource: { uri: 'file:///a', text: 'A', mimeType: 'text/plain' } },
    ],
    structuredContent: { answer: 42 },
    isError: false,
    _meta: { took: 5 },
  },
  'resources/list': { resources: [{ uri: 'file:///a', name: 'a', mimeType: 'text/plain', size: 1 }] },
  'resources/templates/list': { resourceTemplates: [{ uriTemplate: 'file:///{path}', name: 'files' }] },
  'resources/read': {
    contents: [
      { uri: 'file:///a', text: 'A' },
      { uri: 'file:///b', blob: 'QUFB' },
    ],
  },
  'resources/subscribe': {},
  'prompts/list': { prompts: [{ name: 'p', description: 'P', arguments: [{ name: 'a', required: false }] }] },
  'prompts/get': { description: 'P', messages: [{ role: 'user', content: TEXT }] },
  'completion/complete': { completion: { values: ['a', 'b'], total: 2, hasMore: false } },
};

export function answerTo({ id, method = '', params }: Rpc): object {
  const isModern = params?._meta?.[VERSION_KEY] !== undefined;
  const result = RESULTS[method];
  if (result !== undefined && isModern)
    return {
      jsonrpc: '2.0',
      id,
      result: { resultType: 'complete', ttlMs: 1, cacheScope: 'private', ...result },
    };
  if (result !== undefined) return { jsonrpc: '2.0', id, result };
  return { jsonrpc: '2.0', id, error: { code: -32_601, message: 'Method not found' } };
}

/** What a server of 2026-07-28 answers that needs more for the request; another one for it as answers. */
export function questionTo(rpc: Rpc): object {
  const { id, method = '', params } = rpc;
  const canAsk = method === 'tools/call' || method === 'prompts/get' || method === 'resources/read';
  if (!canAsk || params?._meta?.[VERSION_KEY] === undefined) return answerTo(rpc);
  const elicit = {
    method: 'elicitation/create',
    params: {
      message: 'Who?',
      requestedSchema: { type: 'object', properties: { name: { type: 'string' } } },
    },
  };
  const inputRequests = { who: elicit, where: { method: 'roots/list' } };
  return { jsonrpc: '2.0', id, result: { resultType: 'input_required', inputRequests, requestState: 's' } };
}

export function failureOf({ id }: Rpc, code = -32_000): object {
  return {
    jsonrpc: '2.0',
    id,
    error: { code, message: 'It broke', data: { reason: ['disk', 'full'] } },
  };
}

/** What servers send by themselves, before the answer to a request. */
export function unaskedMessages({ id, params }: Rpc): object[] {
  const notification = (method: string, members?: object) => ({ jsonrpc: '2.0', method, params: members });
  const request = (method: string, members?: object) => ({
    jsonrpc: '2.0',
    id: `s-${id}`,
    method,
    params: members,
  });
  const progressToken = params?._meta?.progressToken ?? id;
  return [
    notification('notifications/progress', { progressToken, progress: 1, total: 2, message: 'half' }),
    notification('notifications/message', { level: 'info', logger: 'fuzz', data: { a: 'b' } }),
    notification('notifications/tools/list_changed', {}),
    notification('notifications/resources/updated', { uri: 'file:///a' }),
    notification('notifications/cancelled', { requestId: 's-1', reason: 'no' }),
    notification('notifications/of-others', { a: 1 }),
    request('ping'),
    request('roots/list', {}),
    request('sampling/createMessage', { messages: [{ role: 'user', content: TEXT }], maxTokens: 10 }),
    request('elicitation/create', {
      message: 'Who?',
      requestedSchema: { type: 'object', properties: { name: { type: 'string', default: 'me' } } },
    }),
    request('of/others', { a: 1 }),
  ];
}
