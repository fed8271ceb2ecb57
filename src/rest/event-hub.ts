import type { Unsubscribe } from '../core/emitter.js';
import { McpFleetError } from '../core/errors.js';
import type { McpManagerEvents } from '../manager/fleet.js';
import type { McpManager } from '../manager/mcp-manager.js';
import { Refusal } from './problem.js';
import { snakeCased } from './snake-case.js';

/** What may wait for one reader. One that is further behind is cut off: it can come back, and memory stays bounded. */
const MAX_BEHIND_BYTES = 262_144;
/** An event larger than this is left out; the stream says so in a comment. */
const MAX_EVENT_BYTES = 65_536;
const MAX_LISTENERS = 1_000;
const HEARTBEAT_MS = 15_000;

const EVENTS = {
  status: true,
  refresh: true,
  catalog: true,
  call: true,
  circuit: true,
  resource: true,
  log: true,
  stderr: true,
  error: true,
  servers: true,
} as const satisfies Record<keyof McpManagerEvents, true>;

type ManagerEvent = McpManagerEvents[keyof McpManagerEvents];
type Listener = {
  readonly server: string | undefined;
  hears(owner: string): boolean;
  send(frame: Uint8Array): void;
  end(): void;
};

/** Gives the events of a manager to any number of streams. Each event is written once for all that hear the same of it. */
export class EventHub {
  readonly #manager: McpManager;
  readonly #listeners = new Set<Listener>();
  readonly #encoder = new TextEncoder();
  #stop: Unsubscribe | undefined;

  constructor(manager: McpManager) {
    this.#manager = manager;
  }

  /**
   * Server-sent events (HTML standard, section 9.2), from now on until the reader goes or the manager is closed.
   * @param server only the events of this one; default all
   * @param hears whether the reader may hear what belongs to the identity of this key
   * @throws {Refusal} 503 when there are too many listeners
   */
  open(server: string | undefined, hears: Listener['hears']): ReadableStream<Uint8Array> {
    if (this.#listeners.size >= MAX_LISTENERS)
      throw new Refusal('TOO_MANY_LISTENERS', 'Too many listen to the events already');
    let listener: Listener | undefined;
    return new ReadableStream<Uint8Array>(
      {
        start: (stream) => {
          listener = {
            server,
            hears,
            send: (frame) => {
              if ((stream.desiredSize ?? 0) >= frame.byteLength) return stream.enqueue(frame);
              this.#remove(listener);
              stream.error(new Error('The reader of the events is too far behind'));
            },
            end: () => {
              this.#remove(listener);
              stream.close();
            },
          };
          this.#add(listener);
          stream.enqueue(this.#encoder.encode(': connected\n\n'));
        },
        cancel: () => this.#remove(listener),
      },
      new ByteLengthQueuingStrategy({ highWaterMark: MAX_BEHIND_BYTES }),
    );
  }

  #add(listener: Listener): void {
    this.#listeners.add(listener);
    this.#stop ??= this.#listen();
  }

  #remove(listener: Listener | undefined): void {
    if (listener !== undefined) this.#listeners.delete(listener);
    if (this.#listeners.size > 0) return;
    this.#stop?.();
    this.#stop = undefined;
  }

  #listen(): Unsubscribe {
    const heartbeat = this.#encoder.encode(': heartbeat\n\n');
    const timer = setInterval(() => {
      if (this.#isOver()) this.#endAll();
      else for (const listener of [...this.#listeners]) listener.send(heartbeat);
    }, HEARTBEAT_MS);
    timer.unref();
    const names = Object.keys(EVENTS) as (keyof McpManagerEvents)[];
    const unsubscribes = names.map((name) => this.#manager.on(name, (event) => this.#tell(name, event)));
    return () => {
      clearInterval(timer);
      for (const unsubscribe of unsubscribes) unsubscribe();
    };
  }

  #tell(name: keyof McpManagerEvents, event: ManagerEvent): void {
    const frames = new Map<string | undefined, Uint8Array | undefined>();
    const owner = 'identity' in event ? event.identity : undefined;
    for (const listener of [...this.#listeners]) {
      if (owner !== undefined && !listener.hears(owner)) continue;
      const { server } = listener;
      if (!frames.has(server)) frames.set(server, this.#frameFor(server, name, event));
      const frame = frames.get(server);
      if (frame !== undefined) listener.send(frame);
    }
    if (name === 'status' && this.#isOver()) this.#endAll();
  }

  #frameFor(
    server: string | undefined,
    name: keyof McpManagerEvents,
    event: ManagerEvent,
  ): Uint8Array | undefined {
    const told = server === undefined ? event : partOf(event, server);
    return told && this.#frame(name, told);
  }

  #frame(name: keyof McpManagerEvents, event: ManagerEvent): Uint8Array {
    const frame = this.#encoder.encode(`event: ${name}\ndata: ${JSON.stringify(eventReport(event))}\n\n`);
    if (frame.byteLength <= MAX_EVENT_BYTES) return frame;
    return this.#encoder.encode(`: left out an event ${name} of ${frame.byteLength} bytes\n\n`);
  }

  /** The last words of a manager are those of its servers. */
  #isOver(): boolean {
    const { status, servers } = this.#manager.snapshot();
    return status === 'closed' && servers.every((server) => server.status === 'closed');
  }

  #endAll(): void {
    for (const listener of [...this.#listeners]) listener.end();
  }
}

/** What an event says of one server, if it says anything: the names of others are not everybody's business. */
function partOf(event: ManagerEvent, server: string): ManagerEvent | undefined {
  if ('server' in event) return event.server === server ? event : undefined;
  if (!('added' in event)) return undefined;
  const only = (names: readonly string[]) => names.filter((name) => name === server);
  const part = { added: only(event.added), updated: only(event.updated), removed: only(event.removed) };
  return Object.values(part).some(({ length }) => length > 0) ? part : undefined;
}

function eventReport(event: ManagerEvent): Record<string, unknown> {
  const report = snakeCased(event);
  const { error } = report;
  if (error instanceof McpFleetError) report.error = snakeCased(error.toJSON());
  return report;
}
