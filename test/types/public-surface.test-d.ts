import type { IncomingMessage, ServerResponse } from 'node:http';
import type { OAuthClientProvider } from '@modelcontextprotocol/sdk/client/auth.js';
import type { Transport } from '@modelcontextprotocol/sdk/shared/transport.js';
import type { CallToolResult, Tool } from '@modelcontextprotocol/sdk/types.js';
import type {
  AccessToken,
  AuthError,
  CallContext,
  CallInterceptor,
  CallOptions,
  CallOutcome,
  ClientCredentialsOptions,
  ConnectionError,
  ConnectReport,
  Fleet,
  FleetPrompt,
  FleetResource,
  FleetResourceTemplate,
  FleetTool,
  FleetToolCall,
  HandlerContext,
  HttpServerConfig,
  Identity,
  ListOptions,
  ListReport,
  ManagerSnapshot,
  McpClient,
  McpClientEvents,
  McpFleetError,
  McpFleetErrorCode,
  McpManager,
  McpManagerEvents,
  McpManagerOptions,
  OutcomeUnknownError,
  RemoteError,
  RequestOptions,
  ServerConfig,
  ServerDefaults,
  ServerFailure,
  ServerRequestHandlers,
  ServerSnapshot,
  ServerStatus,
  ServersDiff,
  ServerView,
  TimeoutError,
  TokenContext,
  TokenExchangeOptions,
  TokenProvider,
  ToolCall,
  UnknownToolError,
  Unsubscribe,
} from 'mcp-fleet';
import * as fleet from 'mcp-fleet';
import type { RegistryServer, ServerFromRegistryOptions } from 'mcp-fleet/config';
import * as config from 'mcp-fleet/config';
import type { RestAction, RestHandlerOptions } from 'mcp-fleet/rest';
import * as rest from 'mcp-fleet/rest';
import type { InstrumentOptions } from 'mcp-fleet/telemetry';
import { instrument } from 'mcp-fleet/telemetry';
import type { CacheHint, FakeServer, FakeServerOptions, FakeTokenProvider } from 'mcp-fleet/testing';
import * as testing from 'mcp-fleet/testing';
import { assertType, describe, expectTypeOf, test } from 'vitest';

/** Whether `any` is in a type: as itself, in a member, an element, a parameter or a result, some levels deep. */
type HoldsAny<T, Depth extends 0[] = []> = 0 extends 1 & T
  ? true
  : Depth['length'] extends 4
    ? false
    : T extends (...args: infer Parameters) => infer Result
      ? Or<HoldsAny<Parameters[number], [...Depth, 0]>, HoldsAny<Result, [...Depth, 0]>>
      : T extends Foreign
        ? false
        : T extends Promise<infer Value>
          ? HoldsAny<Value, [...Depth, 0]>
          : T extends readonly (infer Element)[]
            ? HoldsAny<Element, [...Depth, 0]>
            : T extends object
              ? true extends { [Key in keyof T]-?: HoldsAny<T[Key], [...Depth, 0]> }[keyof T]
                ? true
                : false
              : false;
type Or<A, B> = true extends A | B ? true : false;
/** Types of the platform and of the SDK are theirs. */
type Foreign =
  | AbortSignal
  | URL
  | Error
  | CallToolResult
  | Request
  | Response
  | OAuthClientProvider
  | Transport
  | ReadonlyMap<unknown, unknown>;

type MembersWithAny<T> = { [Key in keyof T]: HoldsAny<T[Key]> extends true ? Key : never }[keyof T];

describe('no `any`', () => {
  test('the check itself finds it where it is', () => {
    // biome-ignore lint/suspicious/noExplicitAny: what is looked for
    type Any = any;
    expectTypeOf<HoldsAny<Any>>().toEqualTypeOf<true>();
    expectTypeOf<HoldsAny<{ deep: { list: Any[] } }>>().toEqualTypeOf<true>();
    expectTypeOf<HoldsAny<(a: string, b?: { c: Any }) => void>>().toEqualTypeOf<true>();
    expectTypeOf<HoldsAny<() => Promise<Any>>>().toEqualTypeOf<true>();
    expectTypeOf<HoldsAny<{ a: unknown; b: never; c?: string }>>().toEqualTypeOf<false>();
  });

  test('is in the methods and properties of the classes', () => {
    expectTypeOf<MembersWithAny<McpManager>>().toEqualTypeOf<never>();
    expectTypeOf<MembersWithAny<McpClient>>().toEqualTypeOf<never>();
    expectTypeOf<HoldsAny<ConstructorParameters<typeof fleet.McpManager>>>().toEqualTypeOf<false>();
    expectTypeOf<HoldsAny<ConstructorParameters<typeof fleet.McpClient>>>().toEqualTypeOf<false>();
  });

  test('is in options, events, reports and errors', () => {
    expectTypeOf<HoldsAny<McpManagerOptions>>().toEqualTypeOf<false>();
    expectTypeOf<HoldsAny<ServerDefaults>>().toEqualTypeOf<false>();
    expectTypeOf<HoldsAny<McpManagerEvents>>().toEqualTypeOf<false>();
    expectTypeOf<HoldsAny<CallOutcome>>().toEqualTypeOf<false>();
    expectTypeOf<HoldsAny<ManagerSnapshot>>().toEqualTypeOf<false>();
    expectTypeOf<HoldsAny<CallContext>>().toEqualTypeOf<false>();
    expectTypeOf<HoldsAny<TokenContext>>().toEqualTypeOf<false>();
    expectTypeOf<HoldsAny<ClientCredentialsOptions>>().toEqualTypeOf<false>();
    expectTypeOf<HoldsAny<HandlerContext>>().toEqualTypeOf<false>();
    expectTypeOf<RemoteError['data']>().toBeUnknown();
    expectTypeOf<McpFleetError['cause']>().toBeUnknown();
    expectTypeOf<McpManagerEvents['log']['data']>().toBeUnknown();
  });

  test('is in the config door', () => {
    expectTypeOf<HoldsAny<RegistryServer>>().toEqualTypeOf<false>();
    expectTypeOf<HoldsAny<ServerFromRegistryOptions['inputs']>>().toEqualTypeOf<false>();
    expectTypeOf(config.serverFromRegistry).returns.resolves.toEqualTypeOf<ServerConfig>();
    expectTypeOf(config.searchRegistry).returns.resolves.toEqualTypeOf<RegistryServer[]>();
  });

  test('is in the telemetry door', () => {
    expectTypeOf<HoldsAny<InstrumentOptions>>().toEqualTypeOf<false>();
    expectTypeOf(instrument).parameters.toEqualTypeOf<[manager: McpManager, options?: InstrumentOptions]>();
    expectTypeOf(instrument).returns.toEqualTypeOf<Unsubscribe>();
  });

  test('is in the testing door', () => {
    expectTypeOf<HoldsAny<FakeServer['calls']>>().toEqualTypeOf<false>();
    expectTypeOf<HoldsAny<FakeTokenProvider>>().toEqualTypeOf<false>();
    expectTypeOf<FakeServer['calls'][number]['arguments']>().toBeUnknown();
  });
});

describe('the manager', () => {
  test('is disposed of by `await using`, and so is a client and a fake server', () => {
    expectTypeOf<McpManager>().toExtend<AsyncDisposable>();
    expectTypeOf<McpClient>().toExtend<AsyncDisposable>();
    expectTypeOf<FakeServer>().toExtend<AsyncDisposable>();
  });

  test('may be made without options', () => {
    expectTypeOf(fleet.McpManager).toBeConstructibleWith();
    expectTypeOf(fleet.McpManager).toBeConstructibleWith({});
    expectTypeOf(fleet.McpManager).toBeConstructibleWith({
      servers: { a: { url: 'https://a.test/' } },
      connectConcurrency: 1,
      drainTimeoutMs: 1,
      callTimeoutMs: 1,
    });
  });

  test('has the methods that the contract names', () => {
    type Options = RequestOptions & fleet.ServerFilter;
    type Lists = ListOptions & fleet.ServerFilter;
    expectTypeOf<McpManager['clients']>().toEqualTypeOf<ReadonlyMap<string, McpClient>>();
    expectTypeOf<McpManager['client']>().toEqualTypeOf<(server: string) => McpClient>();
    expectTypeOf<McpManager['connect']>().toEqualTypeOf<(options?: Options) => Promise<ConnectReport>>();
    expectTypeOf<McpManager['addServer']>().toEqualTypeOf<
      (name: string, config: ServerConfig) => McpClient
    >();
    expectTypeOf<McpManager['removeServer']>().toEqualTypeOf<(name: string) => Promise<boolean>>();
    expectTypeOf<McpManager['setServers']>().toEqualTypeOf<
      (servers: Record<string, ServerConfig>) => Promise<ServersDiff>
    >();
    expectTypeOf<McpManager['listTools']>().toEqualTypeOf<
      (options?: Lists) => Promise<{ tools: FleetTool[] } & ListReport>
    >();
    expectTypeOf<McpManager['callTool']>().toEqualTypeOf<
      (call: FleetToolCall, options?: CallOptions) => Promise<CallToolResult>
    >();
    expectTypeOf<McpManager['callTools']>().toEqualTypeOf<
      (
        calls: readonly FleetToolCall[],
        options?: CallOptions & { concurrency?: number },
      ) => Promise<CallOutcome[]>
    >();
    expectTypeOf<McpManager['listResources']>().toEqualTypeOf<
      (options?: Lists) => Promise<{ resources: FleetResource[] } & ListReport>
    >();
    expectTypeOf<McpManager['listResourceTemplates']>().toEqualTypeOf<
      (options?: Lists) => Promise<{ resourceTemplates: FleetResourceTemplate[] } & ListReport>
    >();
    expectTypeOf<McpManager['listPrompts']>().toEqualTypeOf<
      (options?: Lists) => Promise<{ prompts: FleetPrompt[] } & ListReport>
    >();
    expectTypeOf<McpManager['ping']>().toEqualTypeOf<
      (options?: Options) => Promise<{ ok: { server: string; latencyMs: number }[]; failed: ServerFailure[] }>
    >();
    expectTypeOf<McpManager['refreshTokens']>().toEqualTypeOf<
      (options?: Options) => Promise<{ refreshed: string[]; failed: ServerFailure[] }>
    >();
    expectTypeOf<McpManager['snapshot']>().toEqualTypeOf<() => ManagerSnapshot>();
    expectTypeOf<McpManager['as']>().toEqualTypeOf<(identity: Identity | string) => Fleet>();
    expectTypeOf<McpManager>().toExtend<Fleet>();
    expectTypeOf<Fleet['identity']>().toEqualTypeOf<Identity | undefined>();
    expectTypeOf<McpManager['close']>().toEqualTypeOf<
      (options?: { drainTimeoutMs?: number }) => Promise<void>
    >();
  });
});

describe('a client', () => {
  test('has the members that the contract names', () => {
    expectTypeOf<McpClient['name']>().toEqualTypeOf<string>();
    expectTypeOf<McpClient['status']>().toEqualTypeOf<ServerStatus>();
    expectTypeOf<McpClient['lastError']>().toEqualTypeOf<McpFleetError | undefined>();
    expectTypeOf<McpClient['instructions']>().toEqualTypeOf<string | undefined>();
    expectTypeOf<McpClient['protocolVersion']>().toEqualTypeOf<string | undefined>();
    expectTypeOf<McpClient['connect']>().toEqualTypeOf<(options?: RequestOptions) => Promise<void>>();
    expectTypeOf<McpClient['listTools']>().toEqualTypeOf<
      (options?: ListOptions) => Promise<readonly Tool[]>
    >();
    expectTypeOf<McpClient['callTool']>().toEqualTypeOf<
      (call: ToolCall, options?: CallOptions) => Promise<CallToolResult>
    >();
    expectTypeOf<McpClient['ping']>().toEqualTypeOf<(options?: RequestOptions) => Promise<number>>();
    expectTypeOf<McpClient['refreshToken']>().toEqualTypeOf<(options?: RequestOptions) => Promise<void>>();
    expectTypeOf<McpClient['snapshot']>().toEqualTypeOf<() => ServerSnapshot>();
    expectTypeOf<McpClient['as']>().toEqualTypeOf<(identity: Identity | string) => ServerView>();
    expectTypeOf<McpClient>().toExtend<ServerView>();
  });

  test('cannot be changed from outside', () => {
    const client = {} as McpClient;
    // @ts-expect-error read-only
    client.name = 'b';
    // @ts-expect-error read-only
    client.status = 'ready';
  });
});

describe('events', () => {
  const manager = {} as McpManager;
  const client = {} as McpClient;

  test('are known by name', () => {
    manager.on('status', (event) => {
      expectTypeOf(event).toEqualTypeOf<McpManagerEvents['status']>();
      expectTypeOf(event.previous).toEqualTypeOf<ServerStatus>();
      expectTypeOf(event.error).toEqualTypeOf<McpFleetError | undefined>();
    });
    manager.on('servers', (event) => expectTypeOf(event).toEqualTypeOf<ServersDiff>());
    manager.on('call', ({ outcome }) =>
      expectTypeOf(outcome).toEqualTypeOf<'ok' | 'tool_error' | 'failed' | 'aborted'>(),
    );
    expectTypeOf(manager.once('refresh')).resolves.toEqualTypeOf<McpManagerEvents['refresh']>();
    expectTypeOf(client.once('catalog')).resolves.toEqualTypeOf<McpClientEvents['catalog']>();
    expectTypeOf(manager.on('log', () => {})).toEqualTypeOf<Unsubscribe>();
    expectTypeOf(
      manager.on('log', () => {}, { signal: new AbortController().signal }),
    ).toEqualTypeOf<Unsubscribe>();
    expectTypeOf(manager.off('log', () => {})).toBeVoid();
  });

  test('of a client are all events of the manager, which has one more', () => {
    expectTypeOf<McpManagerEvents>().toExtend<McpClientEvents>();
    expectTypeOf<Exclude<keyof McpManagerEvents, keyof McpClientEvents>>().toEqualTypeOf<'servers'>();
    expectTypeOf<keyof McpClientEvents>().toEqualTypeOf<
      'status' | 'refresh' | 'catalog' | 'call' | 'circuit' | 'resource' | 'log' | 'stderr' | 'error'
    >();
  });

  test('of other names do not exist', () => {
    // @ts-expect-error no such event
    manager.on('stauts', () => {});
    // @ts-expect-error only the manager has it
    client.on('servers', () => {});
    // @ts-expect-error another event
    manager.on('log', (event: McpManagerEvents['status']) => event);
  });
});

describe('the configuration of a server', () => {
  const transport = () => Promise.reject<never>(new Error('none'));
  const provider: TokenProvider = { getToken: async () => 'token' };

  test('may be of each kind', () => {
    assertType<ServerConfig>({ url: 'https://a.test/' });
    assertType<ServerConfig>({ url: new URL('https://a.test/'), auth: provider, headers: { a: 'b' } });
    for (const type of ['auto', 'http', 'sse'] as const)
      assertType<ServerConfig>({ type, url: 'https://a.test/' });
    assertType<ServerConfig>({ command: 'node' });
    assertType<ServerConfig>({ type: 'stdio', command: 'node', args: ['a'], env: { A: 'b' }, cwd: '/' });
    assertType<ServerConfig>({ url: 'wss://a.test/' });
    assertType<ServerConfig>({ type: 'ws', url: 'wss://a.test/', headers: {}, auth: provider });
    assertType<ServerConfig>({ type: 'custom', transport });
    assertType<ServerConfig>({ url: 'https://a.test/', callTimeoutMs: 5, tools: { allow: ['*'], deny: [] } });
  });

  test('is not a mixture, nor incomplete, nor misspelt', () => {
    // @ts-expect-error nothing to connect to
    assertType<ServerConfig>({});
    // @ts-expect-error headers alone
    assertType<ServerConfig>({ headers: {} });
    // @ts-expect-error stdio without a command
    assertType<ServerConfig>({ type: 'stdio' });
    // @ts-expect-error HTTP with a command
    assertType<ServerConfig>({ type: 'http', command: 'node' });
    // @ts-expect-error stdio with headers
    assertType<ServerConfig>({ type: 'stdio', command: 'node', headers: {} });
    // @ts-expect-error WebSocket with the SDK's OAuth
    assertType<ServerConfig>({ type: 'ws', url: 'wss://a.test/', oauth: {} });
    // @ts-expect-error a transport without the type
    assertType<ServerConfig>({ transport });
    // @ts-expect-error custom without a transport
    assertType<ServerConfig>({ type: 'custom' });
    // @ts-expect-error no such type
    assertType<ServerConfig>({ type: 'tcp', url: 'https://a.test/' });
    // @ts-expect-error misspelt
    assertType<ServerConfig>({ url: 'https://a.test/', callTimeout: 5 });
    // @ts-expect-error seconds as a text
    assertType<ServerConfig>({ url: 'https://a.test/', callTimeoutMs: '5s' });
    // @ts-expect-error a token is not a provider
    assertType<ServerConfig>({ url: 'https://a.test/', auth: 'token' });
    // @ts-expect-error numbers are no environment
    assertType<ServerConfig>({ command: 'node', env: { A: 1 } });
  });

  test('takes the revision that a fake server speaks, and how long its lists hold', () => {
    expectTypeOf<FakeServerOptions['protocol']>().toEqualTypeOf<
      '2025-11-25' | '2026-07-28' | 'both' | undefined
    >();
    const hint: CacheHint = { ttlMs: 60_000, cacheScope: 'public' };
    assertType<FakeServerOptions>({ protocol: 'both', cacheHints: { 'tools/list': hint } });
    assertType(testing.replayServer('recording.json', { protocol: '2026-07-28' }));
    // @ts-expect-error no such revision
    assertType<FakeServerOptions>({ protocol: '2024-11-05' });
    // @ts-expect-error what a tool answers does not hold
    assertType<FakeServerOptions>({ cacheHints: { 'tools/call': hint } });
  });

  test('takes the configuration of a fake server', () => {
    expectTypeOf<FakeServer['config']>().toExtend<ServerConfig>();
    expectTypeOf<FakeServer['config']>().toExtend<HttpServerConfig>();
    expectTypeOf(
      testing.fakeTokens('a', { token: 'b', expiresAt: 1 }, new Error('c')),
    ).toExtend<TokenProvider>();
  });
});

describe('tools', () => {
  test('of the fleet are tools', () => {
    expectTypeOf<FleetTool>().toExtend<Tool>();
    expectTypeOf<FleetTool>().toExtend<{ name: string; server: string; toolName: string }>();
    expectTypeOf<FleetToolCall>().toExtend<ToolCall>();
    assertType<FleetToolCall>({ name: 'a__b' });
    assertType<FleetToolCall>({ server: 'a', name: 'b', arguments: { c: 1 }, _meta: { d: 1 } });
    // @ts-expect-error no name
    assertType<FleetToolCall>({ server: 'a' });
  });

  test('have outcomes that are told apart by `ok`', () => {
    const outcome = {} as CallOutcome;
    if (outcome.ok) {
      expectTypeOf(outcome.result).toEqualTypeOf<CallToolResult>();
      // @ts-expect-error only of a failure
      outcome.error;
    } else {
      expectTypeOf(outcome.error).toEqualTypeOf<McpFleetError>();
      // @ts-expect-error only of a success
      outcome.result;
    }
    expectTypeOf(outcome.call).toEqualTypeOf<FleetToolCall>();
  });

  test('are surrounded by interceptors, which need not name the types', () => {
    assertType<CallInterceptor>((next) => async (call) => {
      expectTypeOf(call).toEqualTypeOf<CallContext>();
      expectTypeOf(call.tool).toEqualTypeOf<Tool | undefined>();
      return next({ ...call, arguments: { x: 1 } });
    });
    // @ts-expect-error no result
    assertType<CallInterceptor>(() => async () => {});
  });
});

describe('errors', () => {
  test('are all of one base', () => {
    expectTypeOf<McpFleetError>().toExtend<Error>();
    expectTypeOf<ConnectionError | AuthError | TimeoutError | RemoteError>().toExtend<McpFleetError>();
    expectTypeOf<UnknownToolError | OutcomeUnknownError>().toExtend<McpFleetError>();
    expectTypeOf<McpFleetError['code']>().toEqualTypeOf<McpFleetErrorCode>();
    expectTypeOf<McpFleetError['delivery']>().toEqualTypeOf<
      'not-sent' | 'rejected' | 'unknown' | 'answered' | undefined
    >();
    expectTypeOf<McpFleetError['server']>().toEqualTypeOf<string | undefined>();
    expectTypeOf<McpFleetError['retryable']>().toEqualTypeOf<boolean>();
    expectTypeOf<McpFleetError['retryAfterMs']>().toEqualTypeOf<number | undefined>();
    expectTypeOf<ReturnType<McpFleetError['toJSON']>>().toExtend<{
      name: string;
      code: string;
      message: string;
    }>();
  });

  test('have what is special to each', () => {
    expectTypeOf<fleet.ConfigError['path']>().toEqualTypeOf<string>();
    expectTypeOf<UnknownToolError['tool']>().toEqualTypeOf<string>();
    expectTypeOf<ConnectionError['httpStatus']>().toEqualTypeOf<number | undefined>();
    expectTypeOf<TimeoutError['timeoutMs']>().toEqualTypeOf<number>();
    expectTypeOf<RemoteError['rpcCode']>().toEqualTypeOf<number>();
  });

  test('are recognised by `instanceof`', () => {
    const error: unknown = {};
    if (error instanceof fleet.RemoteError) expectTypeOf(error.rpcCode).toBeNumber();
    else if (error instanceof fleet.McpFleetError)
      expectTypeOf(error.code).toEqualTypeOf<McpFleetErrorCode>();
  });

  test('have codes that can be told apart exhaustively', () => {
    const code = {} as McpFleetErrorCode;
    // @ts-expect-error no such code
    assertType<boolean>(code === 'NO_SUCH_CODE');
  });
});

describe('tokens', () => {
  test('come from one method', () => {
    expectTypeOf<TokenProvider['getToken']>().returns.resolves.toEqualTypeOf<
      AccessToken | string | undefined
    >();
    expectTypeOf<TokenContext['reason']>().toEqualTypeOf<
      'initial' | 'expiring' | 'rejected' | 'insufficient_scope' | 'forced'
    >();
    expectTypeOf(fleet.staticToken).returns.toEqualTypeOf<TokenProvider>();
    assertType(fleet.staticToken('token'));
    assertType(fleet.staticToken(() => 'token'));
    assertType(fleet.staticToken(async () => 'token'));
    expectTypeOf(fleet.clientCredentials).returns.toEqualTypeOf<TokenProvider>();
    // @ts-expect-error no client
    assertType<ClientCredentialsOptions>({ clientSecret: 's' });
    assertType<ClientCredentialsOptions>({
      clientId: 'c',
      privateKey: { kty: 'EC' },
      tokenUrl: 'https://a.test',
    });
    expectTypeOf(fleet.tokenExchange).returns.toEqualTypeOf<TokenProvider>();
    assertType<TokenExchangeOptions>({ clientId: 'c', subjectToken: async () => undefined });
    // @ts-expect-error whose token?
    assertType<TokenExchangeOptions>({ clientId: 'c' });
  });

  test('come from a provider of five lines', () => {
    const custom: TokenProvider = {
      async getToken({ server, signal }) {
        const response = await fetch(`https://vault.example.com/tokens/${server}`, { signal });
        return (await response.json()) as { token: string; expiresAt: number };
      },
    };
    assertType<ServerConfig>({ url: 'https://a.test/', auth: custom });
  });

  test('may be told apart by a key, at once or later', () => {
    assertType<TokenProvider>({ key: () => undefined, getToken: async ({ key }) => key });
    assertType<TokenProvider>({
      key: async ({ server, url }) => server + url.href,
      getToken: async () => 't',
    });
    // @ts-expect-error a key is a text
    assertType<TokenProvider>({ key: () => 7, getToken: async () => 't' });
    expectTypeOf<HoldsAny<TokenExchangeOptions>>().toEqualTypeOf<false>();
  });

  test('are checked by a suite for any runner', () => {
    assertType(testing.describeTokenProvider('it', () => fleet.staticToken('t'), { describe, test }));
    assertType(testing.describeTokenProvider('it', async () => fleet.staticToken('t')));
  });
});

describe('handlers', () => {
  test('know what they are asked and what they answer', () => {
    assertType<ServerRequestHandlers>({
      roots: async ({ server, signal }) => {
        expectTypeOf(server).toBeString();
        expectTypeOf(signal).toEqualTypeOf<AbortSignal>();
        return [{ uri: 'file:///a' }];
      },
      elicitation: async () => ({ action: 'accept', content: { a: 'b' } }),
      sampling: async () => ({ model: 'm', role: 'assistant', content: { type: 'text', text: 't' } }),
    });
    // @ts-expect-error no such action
    assertType<ServerRequestHandlers>({ elicitation: async () => ({ action: 'maybe' }) });
  });
});

describe('configurations', () => {
  test('give what a manager takes, and follow a file', () => {
    expectTypeOf(config.parseConfig).returns.toEqualTypeOf<Record<string, ServerConfig>>();
    expectTypeOf(config.loadConfig).returns.resolves.toEqualTypeOf<Record<string, ServerConfig>>();
    expectTypeOf(config.loadConfig).parameter(0).toEqualTypeOf<string | URL>();
    expectTypeOf(config.watchConfig).returns.resolves.toEqualTypeOf<Unsubscribe>();
    expectTypeOf(config.watchConfig).parameter(0).toEqualTypeOf<McpManager>();
    assertType<config.WatchConfigOptions>({
      env: process.env,
      debounceMs: 50,
      onApplied: ({ added }) => added,
    });
    assertType<config.ConfigOptions>({ env: { A: undefined, B: 'b' } });
    expectTypeOf<MembersWithAny<typeof config>>().toBeNever();
  });
});

describe('REST', () => {
  test('is a web-standard handler, and a listener for Node', () => {
    expectTypeOf(rest.createRestHandler).returns.toEqualTypeOf<(request: Request) => Promise<Response>>();
    expectTypeOf(rest.createRestHandler).parameters.toEqualTypeOf<[McpManager, RestHandlerOptions]>();
    const listener = rest.toNodeListener(
      rest.createRestHandler(new fleet.McpManager(), { authorize: 'allow-all' }),
    );
    expectTypeOf(listener).toEqualTypeOf<(request: IncomingMessage, response: ServerResponse) => void>();
  });

  test('does not do without authorize', () => {
    assertType<RestHandlerOptions>({ authorize: async (_request, { kind }) => kind !== 'admin' });
    // @ts-expect-error missing
    assertType<RestHandlerOptions>({});
    // @ts-expect-error no such string
    assertType<RestHandlerOptions>({ authorize: 'allow' });
    expectTypeOf<RestAction>().toEqualTypeOf<{
      kind: 'read' | 'call' | 'admin';
      server?: string;
      tool?: string;
    }>();
  });
});
