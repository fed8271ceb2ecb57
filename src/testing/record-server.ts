import { mkdir, writeFile } from 'node:fs/promises';
import { dirname } from 'node:path';
import { fileURLToPath } from 'node:url';
import type { FetchLike, Transport } from '@modelcontextprotocol/sdk/shared/transport.js';
import { ServerAccess, type ServerAccessHooks } from '../client/access.js';
import { checkServerConfig, settingsOf } from '../client/options.js';
import type {
  CustomServerConfig,
  ServerConfig,
  StdioServerConfig,
  WebSocketServerConfig,
} from '../client/server-config.js';
import { ServerPath } from '../client/server-path.js';
import { lazyHttpClient } from '../net/lazy-http-client.js';
import type { SessionTarget } from '../session/open.js';
import { recordedFetch } from './recorded-fetch.js';
import { RecordedTransport, SdkTransport } from './recorded-transport.js';
import { Recorder } from './recorder.js';
import type { Recording } from './recording.js';

/** A real server under observation, made by {@link recordServer}. */
export interface RecordedServer extends AsyncDisposable {
  /** The server entry to connect with, in the place of the one that was given. */
  readonly config: ServerConfig;
  /** What was answered so far, without secrets. */
  readonly recording: Recording;
  /** Writes the recording as JSON; makes the folder if there is none. */
  save(path: string | URL): Promise<void>;
  /** Gives up the connections that belong to `config`; close the client first. `await using` does it too. */
  close(): Promise<void>;
}

/** Settings of {@link recordServer}. */
export interface RecordOptions {
  /**
   * Asked for each member of what is recorded, as the `replacer` of `JSON.stringify` is; what it returns is kept.
   * Where it returns a text with `[redacted]`, that part matches any text on replay.
   */
  redact?: (key: string, value: unknown) => unknown;
}

/**
 * Watches what a client and the server of `config` say to each other, over any transport, for {@link replayServer}.
 * One client at a time.
 *
 * Recorded are requests of the client that got an answer, with the answer and what the server said meanwhile.
 * Not recorded are pings, `_meta` of requests, HTTP headers, session ids, tokens and token requests. Values of
 * `headers`, `env` and the URL's query, tokens and session ids are also cut out (`[redacted]`) where a server repeats
 * them, if they have at least 4 characters. Arguments and results are recorded as they are: what is secret in them
 * is for `redact`.
 *
 * @throws {ConfigError} for a bad entry.
 * @example
 * ```ts
 * await using recorder = recordServer({ command: 'npx', args: ['-y', '@modelcontextprotocol/server-everything'] });
 * await using client = new McpClient('everything', recorder.config);
 * await client.callTool({ name: 'echo', arguments: { message: 'hi' } });
 * await recorder.save('test/recordings/everything.json');
 * ```
 */
export function recordServer(config: ServerConfig, options: RecordOptions = {}): RecordedServer {
  checkServerConfig(config);
  const path = new ServerPath('recorded', config, settingsOf(config, {}));
  const access = new ServerAccess(path, NO_HOOKS);
  const recorder = new Recorder(options.redact, path.secrets);
  const recorded = recordedConfig(config, recorder, path, access);
  return {
    config: recorded.config,
    get recording() {
      return recorder.recording;
    },
    async save(path) {
      await mkdir(dirname(path instanceof URL ? fileURLToPath(path) : path), { recursive: true });
      await writeFile(path, `${JSON.stringify(recorder.recording, undefined, 2)}\n`);
    },
    close: recorded.close,
    [Symbol.asyncDispose]: recorded.close,
  };
}

const NO_HOOKS: ServerAccessHooks = {
  isShared: true,
  onRefresh: () => {},
  onStderr: () => {},
  isStderrHeard: () => false,
};

/** Where a server is, with what functions give for this connection: their secrets are kept out of the recording, too. */
type Target<Type extends SessionTarget['type']> = Extract<SessionTarget, { type: Type }>;

interface Recorded {
  config: ServerConfig;
  close(): Promise<void>;
}

function recordedConfig(
  config: ServerConfig,
  recorder: Recorder,
  path: ServerPath,
  access: ServerAccess,
): Recorded {
  if ('transport' in config) {
    const transport: CustomServerConfig['transport'] = async (context) =>
      new RecordedTransport(await config.transport(context), recorder);
    return { config: { ...config, transport }, close: async () => {} };
  }
  if ('command' in config) return recordedStdio(config, recorder, access);
  if (path.target.type === 'ws')
    return recordedWebSocket(config as WebSocketServerConfig, recorder, path, access);
  const { connectTimeoutMs, fetch, proxy } = settingsOf(config, {});
  const client = lazyHttpClient({ connectTimeoutMs, proxy });
  const inner = fetch ?? (client.fetch as FetchLike);
  return { config: { ...config, fetch: recordedFetch(inner, recorder) }, close: client.close };
}

function recordedStdio(config: StdioServerConfig, recorder: Recorder, access: ServerAccess): Recorded {
  const { type: _type, command: _command, args: _args, env: _env, cwd: _cwd, ...settings } = config;
  const { maxResponseBytes } = settingsOf(config, {});
  const transport = async ({ signal }: { signal: AbortSignal }): Promise<Transport> => {
    const { StdioTransport } = await import('../session/transports/stdio.js');
    const target = (await access.target(signal)) as Target<'stdio'>;
    const inner = new StdioTransport({ ...target, maxResponseBytes, stderr: access.stderr });
    return new RecordedTransport(new SdkTransport(inner, signal), recorder);
  };
  return { config: { ...settings, type: 'custom', transport }, close: async () => {} };
}

function recordedWebSocket(
  config: WebSocketServerConfig,
  recorder: Recorder,
  path: ServerPath,
  access: ServerAccess,
): Recorded {
  const { type: _type, url: _url, headers: _headers, auth: _auth, ...settings } = config;
  const { maxResponseBytes, proxy } = settingsOf(config, {});
  const transport = async ({ signal }: { signal: AbortSignal }): Promise<Transport> => {
    const { WebSocketTransport } = await import('../session/transports/websocket.js');
    const tokens = await access.tokens?.current(signal);
    const target = (await access.target(signal)) as Target<'ws'>;
    const inner = new WebSocketTransport({
      ...target,
      tokens,
      maxResponseBytes,
      proxy,
      onSecret: (secret) => path.secrets.passing(secret),
      exit: path.exit,
      guard: undefined,
    });
    return new RecordedTransport(new SdkTransport(inner, signal), recorder);
  };
  return { config: { ...settings, type: 'custom', transport }, close: () => closed(path, access) };
}

async function closed(path: ServerPath, access: ServerAccess): Promise<void> {
  await access.close();
  await path.close();
}
