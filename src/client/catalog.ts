import type { CallObservation } from '../calls/call-observer.js';
import { RunningCall } from '../calls/running-call.js';
import { wait } from '../core/abort.js';
import { canonicalJson } from '../core/canonical-json.js';
import { Deadline } from '../core/deadline.js';
import { ConnectionError, type McpFleetError } from '../core/errors.js';
import { SingleFlight } from '../core/single-flight.js';
import type { StopSignal } from '../core/stop-signal.js';
import type { ListEntries, ListKind, ListPage } from '../session/session.js';

const MAX_PAGES = 100;
/** Entries of one list that are kept. */
const MAX_ENTRIES = 1_000;
/** Several changes in a row are one. */
const CHANGE_SETTLES_MS = 100;

/** Which lists a `list_changed` speaks of. */
const LISTS_OF = {
  tools: ['tools'],
  resources: ['resources', 'resourceTemplates'],
  prompts: ['prompts'],
} as const satisfies Record<string, readonly ListKind[]>;
export type CatalogKind = keyof typeof LISTS_OF;

export interface CatalogChange {
  kind: CatalogKind;
  added: readonly string[];
  removed: readonly string[];
  changed: readonly string[];
}

export interface CatalogOptions {
  /** One page of a list, connecting if need be; an empty one where the server has no such list. */
  page<Kind extends ListKind>(
    kind: Kind,
    cursor: string | undefined,
    call: RunningCall,
  ): Promise<ListPage<ListEntries[Kind]>>;
  timeoutMs: number;
  /** How long a list stays known without a `list_changed`: servers may change without saying so. */
  ttlMs: number;
  onChange(change: CatalogChange): void;
  onError(error: unknown): void;
}

export interface CatalogRequest {
  /** Ask the server even if the list is known. */
  fresh?: boolean | undefined;
  /** Ends this caller's wait. */
  signal: StopSignal;
  timeoutMs?: number | undefined;
  /** Told how many requests the reading took that this caller waited for, whatever its outcome. */
  onAttempts?: (attempts: number) => void;
  /** Of the call that the list is read for. */
  observation?: CallObservation | undefined;
}

type Entry = ListEntries[ListKind];

/** A whole list, as it was read. */
export interface KnownList<Kind extends ListKind = ListKind> {
  readonly entries: readonly ListEntries[Kind][];
  /** By name; resources by URI. */
  readonly byKey: ReadonlyMap<string, ListEntries[Kind]>;
  /** On the monotonic clock. */
  readonly readAt: number;
}

interface Shelf {
  known?: KnownList | undefined;
  /** What was last seen, known or not any more: what changes are told against. */
  seen?: KnownList | undefined;
  loading: SingleFlight<KnownList>;
  /** The latest that was begun. */
  reading?: RunningCall;
}

/** The lists of one server: read whole, remembered until told otherwise, compared when they change. */
export class Catalog {
  readonly #options: CatalogOptions;
  readonly #shelves = new Map<ListKind, Shelf>();
  readonly #settling = new Map<CatalogKind, SingleFlight<void>>();
  readonly #closing = new AbortController();

  constructor(options: CatalogOptions) {
    this.#options = options;
  }

  /** The list if it is known. */
  known<Kind extends ListKind>(kind: Kind): KnownList<Kind> | undefined {
    const { known } = this.#shelf(kind);
    if (known === undefined || performance.now() >= known.readAt + this.#options.ttlMs) return undefined;
    return known as KnownList<Kind>;
  }

  /** The list, read from the server unless it is known. Callers who come while it is read share the reading. */
  async get<Kind extends ListKind>(
    kind: Kind,
    { fresh = false, signal, timeoutMs = 0, onAttempts, observation }: CatalogRequest,
  ): Promise<KnownList<Kind>> {
    const known = fresh ? undefined : this.known(kind);
    if (known !== undefined) return known;
    const shelf = this.#shelf(kind);
    const loading = shelf.loading.run(() => this.#load(kind, shelf, timeoutMs, observation), signal);
    const { reading } = shelf;
    try {
      return (await loading) as KnownList<Kind>;
    } finally {
      onAttempts?.(reading?.attempts ?? 0);
    }
  }

  /** How many entries the list had when it was last read; known or not any more. */
  lastCount(kind: ListKind): number | undefined {
    return this.#shelf(kind).seen?.entries.length;
  }

  /** Nothing is known any more; a reading under way is not taken for news. */
  forget(kinds: readonly ListKind[] = [...this.#shelves.keys()]): void {
    for (const kind of kinds)
      this.#shelves.set(kind, { seen: this.#shelf(kind).seen, loading: new SingleFlight() });
  }

  /** The server says that a list has changed: forgets it, and reads it again if anybody ever wanted it. */
  changed(kind: CatalogKind): void {
    const wanted = LISTS_OF[kind].filter((list) => this.#shelf(list).seen !== undefined);
    this.forget(LISTS_OF[kind]);
    if (wanted.length === 0) return;
    const settling = this.#settling.get(kind) ?? new SingleFlight();
    this.#settling.set(kind, settling);
    settling.run(() => this.#readAgain(kind, wanted)).catch(() => {});
  }

  close(): void {
    this.#closing.abort();
  }

  async #readAgain(kind: CatalogKind, lists: readonly ListKind[]): Promise<void> {
    const { signal } = this.#closing;
    await wait(CHANGE_SETTLES_MS, signal);
    // What is said from here on is another change.
    this.#settling.delete(kind);
    for (const list of lists) {
      await this.get(list, { signal }).catch((error) => signal.aborted || this.#options.onError(error));
    }
  }

  async #load(
    kind: ListKind,
    shelf: Shelf,
    askedMs: number,
    observation: CallObservation | undefined,
  ): Promise<KnownList> {
    // Others may join the reading: nobody's impatience ends it, and who has more patience gives it more time.
    const timeoutMs = Math.max(this.#options.timeoutMs, askedMs);
    const deadline = new Deadline({ timeoutMs, signal: this.#closing.signal });
    try {
      shelf.reading = new RunningCall(deadline, observation);
      const byKey = this.#byKey(kind, await this.#pages(kind, shelf.reading));
      const list: KnownList = { entries: [...byKey.values()], byKey, readAt: performance.now() };
      const { seen } = shelf;
      shelf.seen = shelf.known = list;
      if (seen !== undefined && this.#shelves.get(kind) === shelf) this.#tell(kind, seen, list);
      return list;
    } finally {
      deadline[Symbol.dispose]();
    }
  }

  async #pages(kind: ListKind, call: RunningCall): Promise<Entry[]> {
    const entries: Entry[] = [];
    const cursors = new Set<string>();
    let cursor: string | undefined;
    for (let pages = 0; pages < MAX_PAGES; pages++) {
      const page = await this.#options.page(kind, cursor, call);
      entries.push(...page.entries);
      for (const rejected of page.rejected) this.#options.onError(unlisted(kind, rejected));
      cursor = page.nextCursor;
      if (entries.length > MAX_ENTRIES) {
        this.#options.onError(
          unlisted(kind, `there are more than ${MAX_ENTRIES}; the others are left out too`),
        );
        return entries.slice(0, MAX_ENTRIES);
      }
      if (cursor === undefined) return entries;
      if (cursors.has(cursor)) throw unlistable(kind, 'the server repeats a cursor');
      cursors.add(cursor);
    }
    throw unlistable(kind, `it has more than ${MAX_PAGES} pages`);
  }

  /** Names are keys: of two entries with one name the first counts. */
  #byKey(kind: ListKind, entries: readonly Entry[]): Map<string, Entry> {
    const byKey = new Map<string, Entry>();
    for (const entry of entries) {
      const key = keyOf(entry);
      if (byKey.has(key))
        this.#options.onError(unlisted(kind, `${JSON.stringify(key.slice(0, 100))}: listed twice`));
      else byKey.set(key, entry);
    }
    return byKey;
  }

  #tell(list: ListKind, before: KnownList, after: KnownList): void {
    const keys = [...after.byKey.keys()];
    const added = keys.filter((key) => !before.byKey.has(key));
    const removed = [...before.byKey.keys()].filter((key) => !after.byKey.has(key));
    const changed = keys.filter(
      (key) =>
        before.byKey.has(key) && canonicalJson(before.byKey.get(key)) !== canonicalJson(after.byKey.get(key)),
    );
    if (added.length + removed.length + changed.length === 0) return;
    this.#options.onChange({
      kind: list === 'resourceTemplates' ? 'resources' : list,
      added,
      removed,
      changed,
    });
  }

  #shelf(kind: ListKind): Shelf {
    const shelf = this.#shelves.get(kind) ?? { loading: new SingleFlight() };
    this.#shelves.set(kind, shelf);
    return shelf;
  }
}

function keyOf(entry: Entry): string {
  if ('uri' in entry) return entry.uri;
  if ('uriTemplate' in entry) return entry.uriTemplate;
  return entry.name;
}

function unlistable(kind: ListKind, why: string): ConnectionError {
  return new ConnectionError('PROTOCOL_ERROR', `The list of ${kind} cannot be read: ${why}`, {
    delivery: 'answered',
  });
}

function unlisted(kind: ListKind, why: string): McpFleetError {
  return new ConnectionError('PROTOCOL_ERROR', `An entry of the list of ${kind} was left out: ${why}`, {
    delivery: 'answered',
  });
}
