import { connect, createServer, type Socket } from 'node:net';
import { setTimeout as sleep } from 'node:timers/promises';
import { type Loopback, listenOnLoopback } from '../fixtures/loopback.js';
import { HttpScanner, type MessagePoint } from './http-scanner.js';

/** `up` goes from the client to the server. */
export type Direction = 'up' | 'down';
export const DIRECTIONS: readonly Direction[] = ['up', 'down'];

export const TOXIC_KINDS = ['latency', 'reset', 'slice', 'limit', 'timeout', 'half-close'] as const;
/**
 * | kind | from its point on |
 * |---|---|
 * | `latency` | bytes of its direction arrive `ms` later |
 * | `reset` | both sides get RST |
 * | `slice` | bytes of its direction arrive one by one |
 * | `limit` | bytes of its direction arrive at `bytesPerSecond` |
 * | `timeout` | bytes of its direction vanish, and the connection stays |
 * | `half-close` | the receiver of its direction gets FIN, and the other direction goes on |
 */
export type ToxicKind = (typeof TOXIC_KINDS)[number];

export const POINTS = ['connect', 'before-headers', 'after-headers', 'mid-body', 'idle'] as const;
/** `connect`: from the first byte of a new connection on. `idle`: at once, on every connection there is. */
export type Point = (typeof POINTS)[number];

export interface Toxic {
  readonly kind: ToxicKind;
  readonly direction: Direction;
  readonly at: Point;
  /** How often it strikes; `idle` strikes all connections that are open. @default every time */
  readonly times?: number;
  /** For `latency`. @default 30 */
  readonly ms?: number;
  /** For `limit`. @default 8_000 */
  readonly bytesPerSecond?: number;
  /** Which messages, by their head; at `before-headers` there is none yet. @default all */
  readonly matches?: (head: string) => boolean;
}

/** Pieces that a limited pipe sends a second. */
const LIMIT_STEPS = 50;
/** What was forwarded must have been read before a RST, which would throw it away. */
const BEFORE_RESET_MS = 4;

/** Stands between a client and the server on `port`, and spoils connections on command. */
export async function tcpProxy(port: number): Promise<TcpProxy> {
  const proxy = new TcpProxy(port);
  await proxy.listen();
  return proxy;
}

export class TcpProxy implements AsyncDisposable {
  readonly bytes = { up: 0, down: 0 };
  /** Connections of clients so far. */
  connections = 0;
  /** How often toxics struck. */
  strikes = 0;
  readonly #target: number;
  readonly #open = new Set<ProxiedConnection>();
  #toxics: { toxic: Toxic; left: number }[] = [];
  #listening: Loopback | undefined;

  constructor(target: number) {
    this.#target = target;
  }

  async listen(): Promise<void> {
    // Half-open connections are part of the trade.
    const server = createServer({ allowHalfOpen: true, noDelay: true }, (client) => {
      this.connections++;
      const connection = new ProxiedConnection(this, client, this.#target);
      this.#open.add(connection);
      client.on('close', () => this.#open.delete(connection));
      for (const toxic of this.#strike((candidate) => candidate.at === 'connect')) connection.meet(toxic);
    });
    this.#listening = await listenOnLoopback(server);
  }

  get url(): string {
    return `http://127.0.0.1:${this.port}/mcp`;
  }

  get port(): number {
    return this.#listening?.port ?? 0;
  }

  get openConnections(): number {
    return this.#open.size;
  }

  toxic(toxic: Toxic): void {
    if (toxic.at === 'idle') {
      for (const connection of this.#open) {
        this.strikes++;
        connection.meet(toxic);
      }
    } else this.#toxics.push({ toxic, left: toxic.times ?? Number.POSITIVE_INFINITY });
  }

  /** New connections and messages pass unharmed; those that were spoiled stay so. */
  heal(): void {
    this.#toxics = [];
  }

  /** Toxics that strike when a message of that direction reaches that point. */
  at(point: MessagePoint, direction: Direction, head: string): Toxic[] {
    return this.#strike(
      (toxic) => toxic.at === point && toxic.direction === direction && (toxic.matches?.(head) ?? true),
    );
  }

  async close(): Promise<void> {
    for (const connection of this.#open) connection.destroy();
    await this.#listening?.close();
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.close();
  }

  #strike(strikes: (toxic: Toxic) => boolean): Toxic[] {
    const struck = this.#toxics.filter(({ toxic, left }) => left > 0 && strikes(toxic));
    for (const entry of struck) {
      entry.left--;
      this.strikes++;
    }
    return struck.map(({ toxic }) => toxic);
  }
}

class ProxiedConnection {
  readonly #client: Socket;
  readonly #server: Socket;
  readonly #pipes: Record<Direction, Pipe>;

  constructor(proxy: TcpProxy, client: Socket, port: number) {
    this.#client = client;
    this.#server = connect({ port, host: '127.0.0.1', allowHalfOpen: true, noDelay: true });
    this.#pipes = {
      up: new Pipe('up', client, this.#server, proxy, this),
      down: new Pipe('down', this.#server, client, proxy, this),
    };
    for (const socket of [client, this.#server]) socket.on('error', () => {});
    client.on('close', (failed) => this.#closed(this.#server, failed));
    this.#server.on('close', (failed) => this.#closed(client, failed));
  }

  meet(toxic: Toxic): void {
    this.#pipes[toxic.direction].meet(toxic);
  }

  reset(): void {
    this.#client.resetAndDestroy();
    this.#server.resetAndDestroy();
  }

  destroy(): void {
    this.#client.destroy();
    this.#server.destroy();
  }

  #closed(other: Socket, failed: boolean): void {
    if (other.destroyed || !(failed || other === this.#server)) return;
    if (failed) other.resetAndDestroy();
    else other.end();
  }
}

/** One direction of a connection. Bytes leave in the order in which they came, whatever is done to them. */
class Pipe {
  readonly #direction: Direction;
  readonly #to: Socket;
  readonly #proxy: TcpProxy;
  readonly #connection: ProxiedConnection;
  readonly #scanner = new HttpScanner();
  readonly #effects: Toxic[] = [];
  #silent = false;
  #out: Promise<void> = Promise.resolve();

  constructor(
    direction: Direction,
    from: Socket,
    to: Socket,
    proxy: TcpProxy,
    connection: ProxiedConnection,
  ) {
    this.#direction = direction;
    this.#to = to;
    this.#proxy = proxy;
    this.#connection = connection;
    from.on('data', (chunk: Buffer) => this.#take(chunk));
    from.on('end', () => this.#queue(async () => void (this.#silent || to.end())));
  }

  meet(toxic: Toxic): void {
    switch (toxic.kind) {
      case 'reset':
        this.#silent = true;
        this.#queue(async () => {
          await sleep(BEFORE_RESET_MS);
          this.#connection.reset();
        });
        break;
      case 'timeout':
        this.#silent = true;
        break;
      case 'half-close':
        this.#silent = true;
        this.#queue(async () => void this.#to.end());
        break;
      default:
        this.#effects.push(toxic);
    }
  }

  #take(chunk: Buffer): void {
    for (const piece of this.#scanner.scan(chunk)) {
      if ('point' in piece) {
        for (const toxic of this.#proxy.at(piece.point, this.#direction, piece.head)) this.meet(toxic);
      } else if (!this.#silent) {
        this.#proxy.bytes[this.#direction] += piece.bytes.length;
        const effects = [...this.#effects];
        const dueAt = performance.now();
        this.#queue(() => this.#forward(piece.bytes, effects, dueAt));
      }
    }
  }

  async #forward(bytes: Buffer, effects: readonly Toxic[], cameAt: number): Promise<void> {
    let step = bytes.length;
    let pauseMs = 0;
    for (const { kind, ms = 30, bytesPerSecond = 8_000 } of effects) {
      if (kind === 'latency') await sleep(Math.max(0, cameAt + ms - performance.now()));
      if (kind === 'slice') step = 1;
      if (kind === 'limit') {
        step = Math.min(step, Math.ceil(bytesPerSecond / LIMIT_STEPS));
        pauseMs = 1_000 / LIMIT_STEPS;
      }
    }
    for (let at = 0; at < bytes.length; at += step) {
      if (pauseMs > 0) await sleep(pauseMs);
      else if (at > 0) await new Promise((resolve) => setImmediate(resolve));
      if (!this.#to.writable) return;
      this.#to.write(bytes.subarray(at, at + step));
    }
  }

  #queue(work: () => Promise<void>): void {
    this.#out = this.#out.then(work);
  }
}
