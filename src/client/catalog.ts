import type { CallObservation } from '../calls/call-observer.js';
import { RunningCall } from '../calls/running-call.js';
import { abortable, wait } from '../core/abort.js';
import { canonicalJson } from '../core/canonical-json.js';
import { Deadline } from '../core/deadline.js';
import { ConnectionError, McpFleetError, TimeoutError } from '../core/errors.js';
import { SingleFlight } from '../core/single-flight.js';
import { Stop, type StopSignal } from '../core/stop-signal.js';
import type { ListEntries, ListKind, ListPage } from '../session/session.js';

/** Entries of one list that are kept, and about so many characters of JSON. */
const MAX_ENTRIES = 20_000;
const MAX_CHARACTERS = 67_108_864;
/** Pages of one list, each with an entry at least. */
const MAX_PAGES = 10_000;
/** Pages in a row that bring nothing new, after which a list counts as read. */
const MAX_EMPTY_PAGES = 10;
/** Of the time for a list, what is left for its answer when a server has ever more pages. */
const TIME_FOR_ANSWER = 0.1;
/** A list that could not be read to its end is known for so long. */
const TRUNCATED_TTL_MS = 30_000;
/** Several changes in a row are one; a server that says so again and again is asked less often each time. */
const CHANGE_SETTLES_MS = 100;
const LONGEST_SETTLING_MS = 10_000;
/** After so long without a change, the next one is read at once again. */
const CALM_AFTER_MS = 30_000;

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
  /** Whether all callers are one user to the server. */
  isShared(): boolean;
  /** Whether a tool exists for callers. */
  isAllowed(name: string): boolean;
  timeoutMs: number;
  /** How long a list stays known without a `list_changed`: servers may change without saying so. */
  ttlMs: number;
  onChange(change: CatalogChange): void;
  onError(error: unknown): void;
  /** What a caller gets whose wait has ended for this reason. @default the reason */
  lateBy?(reason: unknown): unknown;
}

export interface CatalogRequest {
  /** Ask the server even if the list is known. */
  fresh?: boolean | undefined;
  /** Ends this caller's wait. */
  signal: StopSignal;
  timeoutMs?: number | undefined;
  /** Told of the reading that this caller waited for, whatever its outcome. */
  onEnd?: ((reading: Pick<RunningCall, 'attempts' | 'delivery'>) => void) | undefined;
  /** Of the call that the list is read for. */
  observation?: CallObservation | undefined;
}

type Entry = ListEntries[ListKind];

/** A list, as it was read. */
export interface KnownList<Kind extends ListKind = ListKind> {
  readonly entries: readonly ListEntries[Kind][];
  /** By name; resources by URI. */
  readonly byKey: ReadonlyMap<string, ListEntries[Kind]>;
  /** Why it is not the whole list, where it is not. */
  readonly truncated: McpFleetError | undefined;
  /** On the monotonic clock. */
  readonly readAt: number;
  /** How long it is known, where the server says less than is configured. Milliseconds. */
  readonly ttlMs: number | undefined;
  /** It is for the one who asked: requests are of several users, and the server says that others may see another one. */
  readonly isPersonal: boolean;
}

interface Shelf {
  known?: KnownList | undefined;
  /** What was last seen, known or not any more: what changes are told against. */
  seen?: KnownList | undefined;
  loading: SingleFlight<KnownList>;
  /** The latest that was begun. */
  reading?: RunningCall;
}

/** When a list that changes is read again. */
interface Settling {
  readonly flight: SingleFlight<void>;
  delayMs: number;
  changedAt: number;
  /** It changed once more since the reading began. */
  isDue: boolean;
}

/** The lists of one server: read whole, remembered until told otherwise, compared when they change. */
export class Catalog {
  readonly #options: CatalogOptions;
  readonly #shelves = new Map<ListKind, Shelf>();
  #settling: Map<CatalogKind, Settling> | undefined;
  /** Lists that have changed and were not read since. */
  #due: Set<ListKind> | undefined;
  readonly #closing = new Stop();

  constructor(options: CatalogOptions) {
    this.#options = options;
  }

  /** The list if it is known: for as long as is configured, and not longer than the server says. */
  known<Kind extends ListKind>(kind: Kind): KnownList<Kind> | undefined {
    const recent = this.recent(kind);
    return recent === undefined || ageMs(recent) >= (recent.ttlMs ?? Number.POSITIVE_INFINITY)
      ? undefined
      : recent;
  }

  /** The list as it was read not long ago, whatever the server says: good enough to look up what a call needs. */
  recent<Kind extends ListKind>(kind: Kind): KnownList<Kind> | undefined {
    const { known } = this.#shelf(kind);
    if (known === undefined) return undefined;
    const ttlMs = known.truncated === undefined ? this.#options.ttlMs : TRUNCATED_TTL_MS;
    return ageMs(known) >= ttlMs ? undefined : (known as KnownList<Kind>);
  }

  /** The list, read from the server unless it is known. Callers who come while it is read share the reading. */
  async get<Kind extends ListKind>(
    kind: Kind,
    { fresh = false, signal, timeoutMs = 0, onEnd, observation }: CatalogRequest,
  ): Promise<KnownList<Kind>> {
    const known = fresh ? undefined : this.known(kind);
    if (known !== undefined) return known;
    const shelf = this.#shelf(kind);
    const { reading: before } = shelf;
    const loading = shelf.loading.run(() => this.#load(kind, shelf, timeoutMs, observation), signal);
    const { reading } = shelf;
    try {
      const list = (await loading) as KnownList<Kind>;
      const isOfAnother = list.isPersonal && reading === before;
      if (!isOfAnother) return list;
      const own = this.#load(kind, this.#shelf(kind), timeoutMs, observation);
      return (await abortable(own, signal)) as KnownList<Kind>;
    } catch (error) {
      if (error === signal.reason) throw this.#options.lateBy?.(error) ?? error;
      // The time of those who came first is not that of whoever joined them.
      if (reading !== before || signal.aborted || !(error instanceof TimeoutError)) throw error;
      return await this.get(kind, { fresh, signal, timeoutMs, onEnd, observation });
    } finally {
      if (reading !== undefined) onEnd?.(reading);
    }
  }

  /** How many entries the list had when it was last read; known or not any more. */
  lastCount(kind: ListKind): number | undefined {
    return this.#shelf(kind).seen?.entries.length;
  }

  /** Why the list that was last read was not the whole one. */
  truncation(kind: ListKind): McpFleetError | undefined {
    return this.#shelf(kind).seen?.truncated;
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
    this.#due ??= new Set();
    for (const list of wanted) this.#due.add(list);
    this.#settling ??= new Map();
    const settling = this.#settling.get(kind) ?? {
      flight: new SingleFlight(),
      delayMs: CHANGE_SETTLES_MS,
      changedAt: performance.now(),
      isDue: true,
    };
    this.#settling.set(kind, settling);
    settling.isDue = true;
    settling.flight.run(() => this.#readAgain(settling, wanted)).catch(() => {});
  }

  close(): void {
    this.#closing.abort(undefined);
  }

  /** Whoever asks meanwhile reads the list at once: only what nobody asked for waits. */
  async #readAgain(settling: Settling, lists: readonly ListKind[]): Promise<void> {
    const signal = this.#closing;
    while (settling.isDue) {
      const now = performance.now();
      if (now - settling.changedAt >= CALM_AFTER_MS) settling.delayMs = CHANGE_SETTLES_MS;
      settling.changedAt = now;
      const { delayMs } = settling;
      settling.delayMs = Math.min(delayMs * 2, LONGEST_SETTLING_MS);
      await wait(delayMs, signal);
      settling.isDue = false;
      for (const list of lists) {
        await this.get(list, { signal }).catch((error) => signal.aborted || this.#options.onError(error));
      }
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
    const deadline = new Deadline({ timeoutMs, signal: this.#closing });
    try {
      shelf.reading = new RunningCall(deadline, observation);
      const spareMs = timeoutMs * TIME_FOR_ANSWER;
      const { byKey, truncated, ttlMs, isPersonal } = await this.#pages(kind, shelf.reading, spareMs);
      if (kind === 'tools') {
        for (const name of byKey.keys()) if (!this.#options.isAllowed(name)) byKey.delete(name);
      }
      const entries = [...byKey.values()];
      const list: KnownList = { entries, byKey, truncated, ttlMs, isPersonal, readAt: performance.now() };
      const { seen } = shelf;
      shelf.seen = shelf.known = list;
      if (seen === undefined || this.#shelves.get(kind) !== shelf) return list;
      // That two users see two lists is no change.
      if (this.#due?.delete(kind) || !isPersonal) this.#tell(kind, seen, list);
      return list;
    } finally {
      deadline[Symbol.dispose]();
    }
  }

  /** What was read stays read: a page that fails costs what comes after it. */
  async #pages(
    kind: ListKind,
    call: RunningCall,
    spareMs: number,
  ): Promise<Pick<Reading, 'byKey' | 'truncated' | 'ttlMs' | 'isPersonal'>> {
    const reading = new Reading(kind, () => this.#options.isShared());
    let cursor: string | undefined;
    do {
      let page: ListPage<Entry>;
      try {
        page = await this.#options.page(kind, cursor, call);
      } catch (error) {
        if (cursor === undefined || !(error instanceof McpFleetError) || this.#closing.aborted) throw error;
        reading.end(`a page of it cannot be read: ${error.message}`, error);
        break;
      }
      reading.add(page);
      cursor = page.nextCursor;
      if (cursor !== undefined && call.deadline.remainingMs <= spareMs)
        reading.end('its pages take too long');
    } while (cursor !== undefined && reading.truncated === undefined);
    for (const error of reading.reports()) this.#options.onError(error);
    return reading;
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

/** One list while its pages come, within bounds. */
class Reading {
  readonly byKey = new Map<string, Entry>();
  truncated: McpFleetError | undefined;
  /** The least that the server says of a page. */
  ttlMs: number | undefined;
  isPersonal = false;
  readonly #kind: ListKind;
  /** To be asked when a page is there: the first request may bring the first token. */
  readonly #isShared: () => boolean;
  readonly #cursors = new Set<unknown>();
  readonly #leftOut = { count: 0, first: [] as string[] };
  #twice = 0;
  #firstTwice = '';
  #characters = 0;
  #pages = 0;
  #emptyPages = 0;

  constructor(kind: ListKind, isShared: () => boolean) {
    this.#kind = kind;
    this.#isShared = isShared;
  }

  add(page: ListPage<Entry>): void {
    if (page.isPrivate && !this.#isShared()) this.isPersonal = true;
    const ttlMs = this.isPersonal ? 0 : page.ttlMs;
    if (ttlMs !== undefined) this.ttlMs = Math.min(ttlMs, this.ttlMs ?? ttlMs);
    const before = this.byKey.size;
    this.#leftOut.count += page.rejected.count;
    if (this.#leftOut.first.length === 0) this.#leftOut.first.push(...page.rejected.first);
    this.#characters += page.characters;
    for (const entry of page.entries) {
      if (this.byKey.size === MAX_ENTRIES) break;
      this.#addEntry(entry);
    }
    this.#emptyPages = this.byKey.size > before ? 0 : this.#emptyPages + 1;
    const fault = this.#faultWith(page);
    if (fault !== undefined) this.end(fault);
    this.#cursors.add(page.nextCursor);
  }

  /** Why no other page is to be read, beside that there is none. */
  #faultWith({ entries, nextCursor }: ListPage<Entry>): string | undefined {
    const isFull = this.byKey.size === MAX_ENTRIES;
    if (isFull && (nextCursor !== undefined || !this.byKey.has(keyOf(entries.at(-1) as Entry))))
      return `there are more than ${MAX_ENTRIES} entries`;
    if (nextCursor === undefined) return undefined;
    if (this.#characters > MAX_CHARACTERS) return `it is larger than ${MAX_CHARACTERS} characters`;
    if (++this.#pages >= MAX_PAGES) return `it has more than ${MAX_PAGES} pages`;
    if (this.#emptyPages >= MAX_EMPTY_PAGES) return 'page after page brings nothing new';
    if (this.#cursors.has(nextCursor)) return 'the server repeats a cursor';
    return undefined;
  }

  end(why: string, cause?: McpFleetError): void {
    const message = `The list of ${this.#kind} is not complete: ${why}`;
    this.truncated ??= new ConnectionError('PROTOCOL_ERROR', message, {
      delivery: 'answered',
      retryable: cause?.retryable,
      cause,
    });
  }

  /** What there is to report, one report for each kind of fault. */
  reports(): McpFleetError[] {
    const { count, first } = this.#leftOut;
    const more = count > first.length ? ', …' : '';
    return [
      ...(count > 0
        ? [fault(`${entries(count)} of the list of ${this.#kind} left out: ${first.join(', ')}${more}`)]
        : []),
      ...(this.#twice > 0
        ? [fault(`${entries(this.#twice)} of the list of ${this.#kind} listed twice: ${this.#firstTwice}`)]
        : []),
      ...(this.truncated === undefined ? [] : [this.truncated]),
    ];
  }

  /** Names are keys: of two entries with one name the first counts. */
  #addEntry(entry: Entry): void {
    const key = keyOf(entry);
    if (!this.byKey.has(key)) this.byKey.set(key, entry);
    else if (this.#twice++ === 0) this.#firstTwice = JSON.stringify(key.slice(0, 100));
  }
}

function ageMs({ readAt }: KnownList): number {
  return performance.now() - readAt;
}

function keyOf(entry: Entry): string {
  if ('uriTemplate' in entry) return entry.uriTemplate;
  return 'uri' in entry ? entry.uri : entry.name;
}

function entries(count: number): string {
  return count === 1 ? 'An entry' : `${count} entries`;
}

function fault(message: string): ConnectionError {
  return new ConnectionError('PROTOCOL_ERROR', message, { delivery: 'answered' });
}
