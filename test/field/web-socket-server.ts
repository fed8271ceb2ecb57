import { createHash } from 'node:crypto';
import { createServer, type IncomingMessage } from 'node:http';
import type { Duplex } from 'node:stream';
import { listenOnLoopback } from '../fixtures/loopback.js';
import { answerOf, RESULTS, type Results, type Rpc } from './mcp-answers.js';

/** RFC 6455 section 5.2. */
const OPCODES = { continuation: 0, text: 1, binary: 2, close: 8, ping: 9, pong: 10 } as const;

/** The client at the other end. */
export interface Peer {
  readonly request: IncomingMessage;
  send(message: object): void;
  /** Bytes as they are: frames made with {@link frame}, or what is none. */
  write(bytes: Buffer | string): void;
  end(): void;
}

export interface RawWebSocketServerOptions {
  results?: Results;
  /** Answers by itself, and says so with `true`. */
  on?: (rpc: Rpc, peer: Peer) => boolean | undefined;
  opened?: (peer: Peer) => void;
  /** Answers the handshake by itself, and says so with `true`. */
  upgrade?: (request: IncomingMessage, socket: Duplex) => boolean | undefined;
}

/** A WebSocket server made by hand, which can send what no library would. */
export interface RawWebSocketServer extends AsyncDisposable {
  readonly url: string;
  readonly port: number;
  readonly received: readonly Rpc[];
  readonly openConnections: number;
}

export async function rawWebSocketServer(
  options: RawWebSocketServerOptions = {},
): Promise<RawWebSocketServer> {
  const results = { ...RESULTS, ...options.results };
  const received: Rpc[] = [];
  const server = createServer((_request, response) => response.writeHead(426).end());
  server.on('upgrade', (request, socket: Duplex) => {
    if (options.upgrade?.(request, socket) === true) return;
    socket.write(acceptanceOf(request));
    const peer: Peer = {
      request,
      send: (message) => void socket.write(frame(JSON.stringify(message))),
      write: (bytes) => void socket.write(bytes),
      end: () => socket.destroy(),
    };
    options.opened?.(peer);
    let waiting: Buffer = Buffer.alloc(0);
    socket.on('data', (chunk: Buffer) => {
      waiting = Buffer.concat([waiting, chunk]);
      for (let read = unmasked(waiting); read !== undefined; read = unmasked(waiting)) {
        waiting = waiting.subarray(read.length);
        if (read.opcode === OPCODES.close) socket.end(frame(read.payload, { opcode: OPCODES.close }));
        if (read.opcode !== OPCODES.text) continue;
        const rpc: Rpc = JSON.parse(read.payload.toString());
        received.push(rpc);
        if (options.on?.(rpc, peer) === true || rpc.id === undefined || rpc.method === undefined) continue;
        peer.send(answerOf(rpc, results));
      }
    });
  });
  const loopback = await listenOnLoopback(server);
  const made = {
    url: `ws://127.0.0.1:${loopback.port}/mcp`,
    port: loopback.port,
    received,
    [Symbol.asyncDispose]: loopback.close,
  };
  return Object.defineProperty(made, 'openConnections', {
    get: () => loopback.openConnections,
  }) as typeof made & { readonly openConnections: number };
}

/** A frame of a server, which is not masked. */
export function frame(
  payload: string | Buffer,
  { opcode = OPCODES.text, isLast = true }: { opcode?: number; isLast?: boolean } = {},
): Buffer {
  const bytes = Buffer.from(payload as string);
  const head = [(isLast ? 0x80 : 0) | opcode];
  if (bytes.length < 126) head.push(bytes.length);
  else if (bytes.length < 65_536) head.push(126, bytes.length >> 8, bytes.length & 255);
  else {
    const length = Buffer.alloc(8);
    length.writeBigUInt64BE(BigInt(bytes.length));
    head.push(127, ...length);
  }
  return Buffer.concat([Buffer.from(head), bytes]);
}

/** RFC 6455 section 4.2.2. */
function acceptanceOf({ headers }: IncomingMessage): string {
  const accept = createHash('sha1')
    .update(`${headers['sec-websocket-key']}258EAFA5-E914-47DA-95CA-C5AB0DC85B11`)
    .digest('base64');
  return [
    'HTTP/1.1 101 Switching Protocols',
    'Upgrade: websocket',
    'Connection: Upgrade',
    'Sec-WebSocket-Protocol: mcp',
    `Sec-WebSocket-Accept: ${accept}`,
    '',
    '',
  ].join('\r\n');
}

/** The first frame of a client, which is masked; `undefined` while it is not whole. */
function unmasked(bytes: Buffer): { opcode: number; payload: Buffer; length: number } | undefined {
  if (bytes.length < 6) return undefined;
  const short = (bytes[1] as number) & 0x7f;
  const sizeBytes = short === 126 ? 2 : short === 127 ? 8 : 0;
  const start = 2 + sizeBytes + 4;
  if (bytes.length < start) return undefined;
  const size = short < 126 ? short : short === 126 ? bytes.readUInt16BE(2) : Number(bytes.readBigUInt64BE(2));
  if (bytes.length < start + size) return undefined;
  const mask = bytes.subarray(start - 4, start);
  const payload = Buffer.from(bytes.subarray(start, start + size));
  for (let at = 0; at < size; at++) payload[at] = (payload[at] as number) ^ (mask[at % 4] as number);
  return { opcode: (bytes[0] as number) & 0x0f, payload, length: start + size };
}
