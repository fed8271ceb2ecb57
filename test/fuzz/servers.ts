import { createServer, type ServerResponse } from 'node:http';
import { createServer as createTcpServer, type Socket } from 'node:net';
import { setTimeout as delay } from 'node:timers/promises';
import type { ServerConfig } from 'mcp-fleet';
import { WebSocketServer } from 'ws';
import { type Loopback, listenOnLoopback } from '../fixtures/loopback.js';
import type { Fate } from './fates.js';
import { answerTo, type Rpc } from './messages.js';

export const TRANSPORTS = [
  ...(['http-json', 'http-stream', 'sse', 'ws', 'stdio'] as const),
  // Of 2026-07-28.
  ...(['http-json-modern', 'http-stream-modern', 'stdio-modern'] as const),
];
export type FuzzTransport = (typeof TRANSPORTS)[number];

/** One server, whose next answer of a method may have a fate. */
export interface FuzzServer extends AsyncDisposable {
  readonly config: ServerConfig;
  /** Tool calls that arrived, by nonce. */
  readonly executions: ReadonlyMap<string, number>;
  /** Of the next request of that method; without a method, none. Calls that begin with {@link BESIDE} are answered after it. */
  fate(method: string | undefined, fate?: Fate): void;
  /** Resolves when what the fate has begun is done. */
  settled(): Promise<void>;
  /** What was sent for the request that met the fate, or `undefined` while none did. */
  readonly met: ReturnType<Fate['write']> | undefined;
}

/** Where an answer goes, whatever the transport. */
interface Reply {
  /** A message, or what stands in the place of one. */
  message(text: string): void;
  /** Only part of a message: nothing follows it. */
  piece(text: string): void;
  /** All has been said. */
  done(fate?: Fate): void;
  /** What was written arrives, and then the connection ends. */
  cut(): Promise<void>;
}

const ARRIVAL_MS = 5;

/** Nonces of calls that are under way while another has its fate. */
export const BESIDE = 'beside';

class Puppet {
  readonly executions = new Map<string, number>();
  #method: string | undefined;
  #fate: Fate | undefined;
  readonly #held: (() => void)[] = [];
  met: ReturnType<Fate['write']> | undefined;
  settled = Promise.resolve();

  fate(method: string | undefined, fate?: Fate): void {
    this.#method = method;
    this.#fate = fate;
    if (fate === undefined) this.#release();
    else this.met = undefined;
  }

  #release(): void {
    for (const answer of this.#held.splice(0)) answer();
  }

  receive(rpc: Rpc, reply: Reply): void {
    const nonce = rpc.params?.arguments?.nonce;
    const isAgain = rpc.params?.inputResponses !== undefined || rpc.params?.requestState !== undefined;
    if (nonce !== undefined && !isAgain) this.executions.set(nonce, (this.executions.get(nonce) ?? 0) + 1);
    const isBeside = nonce?.startsWith(BESIDE) === true;
    const fate = rpc.method === this.#method && !isBeside ? this.#fate : undefined;
    if (fate === undefined) {
      const answer = () => {
        reply.message(JSON.stringify(answerTo(rpc)));
        reply.done();
      };
      if (isBeside && this.#fate !== undefined) this.#held.push(answer);
      else answer();
      return;
    }
    this.#fate = undefined;
    this.met = fate.write(rpc);
    for (const text of this.met.texts) {
      if (fate.framing === 'cut') reply.piece(text);
      else reply.message(text);
    }
    if (fate.thenCloses) this.settled = reply.cut();
    else reply.done(fate);
    this.#release();
  }
}

export async function fuzzServer(transport: FuzzTransport): Promise<FuzzServer> {
  const puppet = new Puppet();
  const { config, close } = await MAKERS[transport](puppet);
  return {
    config,
    executions: puppet.executions,
    fate: (method, fate) => puppet.fate(method, fate),
    settled: () => puppet.settled,
    get met() {
      return puppet.met;
    },
    [Symbol.asyncDispose]: close,
  };
}

interface Made {
  readonly config: ServerConfig;
  close(): Promise<void>;
}

const MAKERS: Record<FuzzTransport, (puppet: Puppet) => Promise<Made>> = {
  'http-json': (puppet) => streamableHttp(puppet, false),
  'http-stream': (puppet) => streamableHttp(puppet, true),
  sse: oldSse,
  ws: webSocket,
  stdio: childProcess,
  'http-json-modern': (puppet) => pinned(streamableHttp(puppet, false)),
  'http-stream-modern': (puppet) => pinned(streamableHttp(puppet, true)),
  'stdio-modern': (puppet) => pinned(childProcess(puppet)),
};

async function pinned(making: Promise<Made>): Promise<Made> {
  const { config, close } = await making;
  return { config: { ...config, protocol: '2026-07-28' }, close };
}

/** Answers with JSON, or with a stream of events. */
async function streamableHttp(puppet: Puppet, isStream: boolean): Promise<Made> {
  const server = createServer(async (request, response) => {
    const body = await bodyOf(request);
    if (request.method !== 'POST') return response.writeHead(request.method === 'GET' ? 405 : 200).end();
    const rpc: Rpc = JSON.parse(body);
    if (rpc.id === undefined || rpc.method === undefined) return response.writeHead(202).end();
    const texts: string[] = [];
    const session = rpc.method === 'initialize' ? { 'mcp-session-id': 'S' } : {};
    const send = (fate: Fate | undefined) => {
      const usual = isStream ? 'text/event-stream' : 'application/json';
      const type = fate?.framing === 'odd-status' ? fate.contentType : usual;
      response.writeHead(fate?.status ?? 200, {
        ...session,
        ...(type !== undefined && { 'content-type': type }),
      });
      const list = texts.length > 1 ? `[${texts.join(',')}]` : (texts[0] ?? '');
      response.write(isStream ? texts.join('') : list);
    };
    puppet.receive(rpc, {
      message: (text) => void texts.push(isStream ? eventOf(text) : text),
      piece: (text) => void texts.push(isStream ? `data: ${text}` : text),
      done(fate) {
        send(fate);
        response.end();
      },
      async cut() {
        send(undefined);
        await delay(ARRIVAL_MS);
        response.destroy();
      },
    });
    return undefined;
  });
  const loopback = await listenOnLoopback(server);
  const config: ServerConfig = { type: 'http', url: `http://127.0.0.1:${loopback.port}/mcp` };
  return { config, close: loopback.close };
}

async function oldSse(puppet: Puppet): Promise<Made> {
  let stream: ServerResponse | undefined;
  const server = createServer(async (request, response) => {
    const body = await bodyOf(request);
    if (request.method === 'GET') {
      stream = response;
      response
        .writeHead(200, { 'content-type': 'text/event-stream' })
        .write('event: endpoint\ndata: /post\n\n');
      return;
    }
    response.writeHead(202).end();
    const to = stream;
    if (to !== undefined) receive(puppet, body, writerOf(to, eventOf));
  });
  const loopback = await listenOnLoopback(server);
  return { config: { type: 'sse', url: `http://127.0.0.1:${loopback.port}/sse` }, close: loopback.close };
}

async function webSocket(puppet: Puppet): Promise<Made> {
  const http = createServer();
  const server = new WebSocketServer({ server: http, handleProtocols: () => 'mcp' });
  server.on('connection', (socket) => {
    socket.on('error', () => {});
    socket.on('message', (data) =>
      receive(puppet, String(data), {
        message: (text) => socket.send(text),
        piece: (text) => socket.send(text),
        done: () => {},
        async cut() {
          await delay(ARRIVAL_MS);
          socket.terminate();
        },
      }),
    );
  });
  const loopback = await listenOnLoopback(http);
  return { config: { url: `ws://127.0.0.1:${loopback.port}/mcp` }, close: () => closed(server, loopback) };
}

async function closed(server: WebSocketServer, loopback: Loopback): Promise<void> {
  server.close();
  await loopback.close();
}

/** The process only passes on what comes: this process plays the server. */
const PIPE = `
  const socket = require('node:net').connect(Number(process.argv[1]), '127.0.0.1');
  process.stdin.pipe(socket);
  socket.pipe(process.stdout);
  socket.on('close', () => process.exit());
  socket.on('error', () => process.exit());
`;

async function childProcess(puppet: Puppet): Promise<Made> {
  const server = createTcpServer((socket: Socket) => {
    let waiting = '';
    socket.on('error', () => {});
    socket.setEncoding('utf8').on('data', (text) => {
      const lines = `${waiting}${text}`.split('\n');
      waiting = lines.pop() as string;
      const line = (text_: string) => `${text_}\n`;
      for (const one of lines) receive(puppet, one, writerOf(socket, line));
    });
  });
  const loopback = await listenOnLoopback(server);
  const config: ServerConfig = { command: process.execPath, args: ['-e', PIPE, String(loopback.port)] };
  return { config, close: loopback.close };
}

function receive(puppet: Puppet, text: string, reply: Reply): void {
  const rpc: Rpc = JSON.parse(text);
  if (rpc.id !== undefined && rpc.method !== undefined) puppet.receive(rpc, reply);
}

/** Of a connection that all messages share. */
function writerOf(to: ServerResponse | Socket, message: (text: string) => string): Reply {
  return {
    message: (text) => void to.write(message(text)),
    piece: (text) => void to.write(message(text)),
    done: () => {},
    async cut() {
      await delay(ARRIVAL_MS);
      to.destroy();
    },
  };
}

function eventOf(text: string): string {
  return `event: message\ndata: ${text.replaceAll('\n', '\ndata: ')}\n\n`;
}

async function bodyOf(request: AsyncIterable<Buffer>): Promise<string> {
  const chunks: Buffer[] = [];
  try {
    for await (const chunk of request) chunks.push(chunk);
  } catch {
    // The client broke the connection.
  }
  return Buffer.concat(chunks).toString() || '{}';
}
