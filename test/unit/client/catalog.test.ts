import type { Tool } from '@modelcontextprotocol/sdk/types.js';
import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest';
import type { RunningCall } from '../../../src/calls/running-call.js';
import { Catalog, type CatalogChange, type CatalogOptions } from '../../../src/client/catalog.js';
import { abortable } from '../../../src/core/abort.js';
import { ConnectionError } from '../../../src/core/errors.js';
import { gate, rejection, tool } from './fakes.js';

beforeEach(() => {
  vi.useFakeTimers();
});
afterEach(() => {
  vi.useRealTimers();
});

const LIST_TTL_MS = 300_000;
const SIGNAL = new AbortController().signal;
type Page = {
  entries: readonly object[];
  nextCursor?: string | undefined;
  rejected?: { count: number; first: readonly string[] };
  ttlMs?: number;
  isPrivate?: boolean;
};

/** A catalog of what `read` answers. */
function catalog(
  read: (cursor: string | undefined, kind: string) => Page | Promise<Page>,
  isShared: () => boolean = () => true,
) {
  const asked: (string | undefined)[] = [];
  const changes: CatalogChange[] = [];
  const errors: unknown[] = [];
  const made = new Catalog({
    timeoutMs: 1_000,
    ttlMs: LIST_TTL_MS,
    isAllowed: () => true,
    isShared,
    page: (async (kind: string, cursor: string | undefined, call: RunningCall) => {
      asked.push(cursor);
      const page = await abortable(Promise.resolve(read(cursor, kind)), call.signal);
      return { nextCursor: undefined, rejected: { count: 0, first: [] }, characters: 100, ...page };
    }) as CatalogOptions['page'],
    onChange: (change) => changes.push(change),
    onError: (error) => errors.push(error),
  });
  const names = async (options: { fresh?: boolean } = {}) =>
    (await made.get('tools', { ...options, signal: SIGNAL })).entries.map(({ name }) => name);
  return { made, asked, changes, errors, names };
}

const tools = (...names: string[]): Tool[] => names.map((name) => tool(name));
const knownNames = (made: Catalog) => made.known('tools')?.entries.map(({ name }) => name);

describe('reading a list', () => {
  test('goes through all pages', async () => {
    const pages: Record<string, Page> = {
      '': { entries: tools('a', 'b'), nextCursor: 'two' },
      two: { entries: tools('c'), nextCursor: 'three' },
      three: { entries: [] },
    };
    const { asked, names, made, errors } = catalog((cursor = '') => pages[cursor] as Page);
    expect(await names()).toEqual(['a', 'b', 'c']);
    expect(asked).toEqual([undefined, 'two', 'three']);
    expect([...(made.known('tools')?.byKey.keys() ?? [])]).toEqual(['a', 'b', 'c']);
    expect(errors).toEqual([]);
  });

  test.each([
    ['at once', (cursor?: string) => cursor ?? 'again'],
    ['in a circle', (cursor?: string) => ({ a: 'b', b: 'c', c: 'a' })[cursor ?? ''] ?? 'a'],
  ])('keeps what was read when a cursor is repeated %s, and says so', async (_what, next) => {
    let n = 0;
    const { names, asked, made, errors } = catalog((cursor) => ({
      entries: tools(`t${n++}`),
      nextCursor: next(cursor),
    }));
    expect((await names()).length).toBeGreaterThan(0);
    const message = 'The list of tools is not complete: the server repeats a cursor';
    expect(errors).toMatchObject([{ code: 'PROTOCOL_ERROR', delivery: 'answered', message }]);
    expect(made.truncation('tools')).toBe(errors[0]);
    expect(asked.length).toBeLessThan(6);
  });

  test('keeps what was read when a later page fails, and asks again after half a minute', async () => {
    let fails = true;
    const { names, asked, errors } = catalog((cursor) => {
      if (cursor === undefined) return { entries: tools('a'), nextCursor: 'two' };
      if (fails) throw new ConnectionError('HTTP_ERROR', 'HTTP 500');
      return { entries: tools('b') };
    });
    expect(await names()).toEqual(['a']);
    expect(errors).toMatchObject([
      { message: expect.stringContaining('a page of it cannot be read: HTTP 500') },
    ]);
    fails = false;
    expect(await names()).toEqual(['a']);
    await vi.advanceTimersByTimeAsync(30_000);
    expect(await names()).toEqual(['a', 'b']);
    expect(asked).toHaveLength(4);
  });

  test('fails when the first page does', async () => {
    const failure = new ConnectionError('HTTP_ERROR', 'HTTP 500');
    const { names, made } = catalog(() => Promise.reject(failure));
    expect(await rejection(names())).toBe(failure);
    expect(made.known('tools')).toBeUndefined();
  });

  test('takes 10,000 pages and 20,000 entries, and not one more', async () => {
    const numbered = (last: number, each: number) => (cursor: string | undefined) => {
      const page = Number(cursor ?? 1);
      const names = Array.from({ length: each }, (_, n) => `t${page}-${n}`);
      return { entries: tools(...names), nextCursor: page === last ? undefined : String(page + 1) };
    };
    const whole = catalog(numbered(10_000, 2));
    expect(await whole.names()).toHaveLength(20_000);
    expect(whole.made.truncation('tools')).toBeUndefined();
    const pages = catalog(numbered(Number.POSITIVE_INFINITY, 1));
    expect(await pages.names()).toHaveLength(10_000);
    expect(pages.errors).toMatchObject([{ message: expect.stringContaining('more than 10000 pages') }]);
    const many = catalog(numbered(Number.POSITIVE_INFINITY, 3));
    expect(await many.names()).toHaveLength(20_000);
    expect(many.errors).toMatchObject([{ message: expect.stringContaining('more than 20000 entries') }]);
  });

  test('gives up pages that bring nothing new', async () => {
    let n = 0;
    const { names, asked, errors } = catalog(() => ({ entries: tools('a'), nextCursor: String(n++) }));
    expect(await names()).toEqual(['a']);
    expect(asked.length).toBeLessThan(20);
    expect(errors.map((error) => (error as Error).message)).toEqual([
      expect.stringMatching(/^\d+ entries of the list of tools listed twice: "a"$/),
      'The list of tools is not complete: page after page brings nothing new',
    ]);
  });

  test('gives up a list that is larger than 64 MB', async () => {
    let n = 0;
    const { names, errors } = catalog(() => ({
      entries: tools(`t${n}`),
      characters: 9_000_000,
      nextCursor: String(n++),
    }));
    expect(await names()).toHaveLength(8);
    expect(errors).toMatchObject([{ message: expect.stringContaining('larger than 67108864 characters') }]);
  });

  test('answers before its time is up when there are ever more pages', async () => {
    let n = 0;
    const { names, errors } = catalog(async () => {
      await new Promise((resolve) => setTimeout(resolve, 100));
      return { entries: tools(`t${n}`), nextCursor: String(n++) };
    });
    const listing = names();
    await vi.advanceTimersByTimeAsync(999);
    expect((await listing).length).toBeGreaterThan(5);
    expect(errors).toMatchObject([{ message: expect.stringContaining('its pages take too long') }]);
  });

  test('keeps the first of two entries with one name, and reports the other', async () => {
    const { made, errors } = catalog(() => ({
      entries: [tool('a', { description: 'first' }), tool('b'), tool('a', { description: 'second' })],
    }));
    const { entries, byKey } = await made.get('tools', { signal: SIGNAL });
    expect(entries).toEqual([tool('a', { description: 'first' }), tool('b')]);
    expect(byKey.get('a')).toBe(entries[0]);
    expect(errors).toMatchObject([
      { code: 'PROTOCOL_ERROR', message: 'An entry of the list of tools listed twice: "a"' },
    ]);
  });

  test('reports in one what the session left out, and lists the others', async () => {
    const { names, errors } = catalog(() => ({
      entries: tools('good'),
      rejected: { count: 1_000_000, first: ['"bad": inputSchema: expected an object', '#2: not an object'] },
    }));
    expect(await names()).toEqual(['good']);
    expect(errors.map((error) => (error as Error).message)).toEqual([
      '1000000 entries of the list of tools left out: "bad": inputSchema: expected an object, #2: not an object, …',
    ]);
  });

  test('is shared by all who ask meanwhile, and made anew after a failure', async () => {
    const { passed, open } = gate();
    let fails = true;
    const { names, asked } = catalog(async () => {
      await passed;
      if (fails) throw new ConnectionError('CONNECTION_LOST', 'gone');
      return { entries: tools('a') };
    });
    const both = [rejection(names()), rejection(names({ fresh: true }))];
    open();
    const [first, second] = await Promise.all(both);
    expect(first).toMatchObject({ code: 'CONNECTION_LOST' });
    expect(second).toBe(first);
    expect(asked).toHaveLength(1);
    fails = false;
    expect(await names()).toEqual(['a']);
  });

  test('goes on when one of those who wait gives up', async () => {
    const { passed, open } = gate();
    const { made, names, asked } = catalog(async () => {
      await passed;
      return { entries: tools('a') };
    });
    const controller = new AbortController();
    const impatient = rejection(made.get('tools', { signal: controller.signal }));
    const patient = names();
    controller.abort(new Error('enough'));
    expect(await impatient).toMatchObject({ message: 'enough' });
    open();
    expect(await patient).toEqual(['a']);
    expect(asked).toHaveLength(1);
  });

  test('has a time limit of its own', async () => {
    const { names } = catalog(() => new Promise(() => {}));
    const failed = rejection(names());
    await vi.advanceTimersByTimeAsync(1_000);
    expect(await failed).toMatchObject({ code: 'TIMEOUT' });
  });

  test('keys resources by URI and templates by their template', async () => {
    const { made } = catalog((_cursor, kind) => ({
      entries:
        kind === 'resources'
          ? [
              { uri: 'a:1', name: 'same' },
              { uri: 'a:2', name: 'same' },
            ]
          : [
              { uriTemplate: 'a:{x}', name: 'same' },
              { uriTemplate: 'b:{x}', name: 'same' },
            ],
    }));
    const keys = async (kind: 'resources' | 'resourceTemplates') => [
      ...(await made.get(kind, { signal: SIGNAL })).byKey.keys(),
    ];
    expect(await keys('resources')).toEqual(['a:1', 'a:2']);
    expect(await keys('resourceTemplates')).toEqual(['a:{x}', 'b:{x}']);
  });
});

describe('what is known', () => {
  test('is not asked for again for five minutes, unless fresh', async () => {
    let n = 0;
    const { names, made } = catalog(() => ({ entries: tools(`t${++n}`) }));
    expect(await names()).toEqual(['t1']);
    await vi.advanceTimersByTimeAsync(LIST_TTL_MS - 1);
    expect(await names()).toEqual(['t1']);
    expect(await names({ fresh: true })).toEqual(['t2']);
    expect(knownNames(made)).toEqual(['t2']);
    await vi.advanceTimersByTimeAsync(LIST_TTL_MS);
    expect(made.known('tools')).toBeUndefined();
    expect(await names()).toEqual(['t3']);
  });

  test('is forgotten on demand, by kind or as a whole', async () => {
    const { made, names } = catalog(() => ({ entries: [] }));
    await names();
    await made.get('prompts', { signal: SIGNAL });
    made.forget(['prompts']);
    expect(made.known('prompts')).toBeUndefined();
    expect(made.known('tools')).toBeDefined();
    made.forget();
    expect(made.known('tools')).toBeUndefined();
  });

  test('does not include what was read before it was forgotten', async () => {
    const doors = [gate(), gate()];
    let n = 0;
    const { made, names, changes } = catalog(async () => {
      const mine = n++;
      await doors[mine]?.passed;
      return { entries: tools(`t${mine}`) };
    });
    const stale = names();
    made.forget();
    const fresh = names();
    doors[1]?.open();
    expect(await fresh).toEqual(['t1']);
    doors[0]?.open();
    expect(await stale).toEqual(['t0']);
    expect(knownNames(made)).toEqual(['t1']);
    expect(changes).toEqual([]);
  });
});

describe('a change', () => {
  test('is read again shortly after, and told by what differs', async () => {
    let now = [tool('stays'), tool('goes'), tool('changes', { description: 'before' })];
    const { made, names, changes, asked } = catalog(() => ({ entries: now }));
    await names();
    now = [tool('comes'), tool('stays'), tool('changes', { description: 'after' })];
    made.changed('tools');
    made.changed('tools');
    expect(made.known('tools')).toBeUndefined();
    await vi.advanceTimersByTimeAsync(1_000);
    expect(changes).toEqual([{ kind: 'tools', added: ['comes'], removed: ['goes'], changed: ['changes'] }]);
    expect(asked).toHaveLength(2);
    expect(knownNames(made)).toEqual(['comes', 'stays', 'changes']);
  });

  test('that changes nothing is told to nobody, even if the order of keys differs', async () => {
    let now: object[] = [{ name: 'a', inputSchema: { type: 'object', properties: { x: {}, y: {} } } }];
    const { made, names, changes } = catalog(() => ({ entries: now }));
    await names();
    now = [{ inputSchema: { properties: { y: {}, x: {} }, type: 'object' }, name: 'a' }];
    made.changed('tools');
    await vi.advanceTimersByTimeAsync(1_000);
    expect(changes).toEqual([]);
  });

  test('that is said again and again is read less often each time, and on demand at once', async () => {
    const { made, names, asked } = catalog(() => {
      setTimeout(() => made.changed('tools'), 20);
      return { entries: tools('a') };
    });
    await names();
    await vi.advanceTimersByTimeAsync(6_000);
    expect(asked.length).toBeLessThanOrEqual(8);
    await vi.advanceTimersByTimeAsync(60_000);
    expect(asked.length).toBeLessThanOrEqual(16);
    const before = asked.length;
    await names();
    expect(asked).toHaveLength(before + 1);
  });

  test('after a calm time is read at once again', async () => {
    const { made, names, asked } = catalog(() => ({ entries: tools('a') }));
    await names();
    for (let n = 0; n < 10; n++) {
      made.changed('tools');
      await vi.advanceTimersByTimeAsync(40_000);
    }
    made.changed('tools');
    await vi.advanceTimersByTimeAsync(100);
    expect(asked).toHaveLength(12);
  });

  test('of a list that nobody wanted is not read', async () => {
    const { made, asked } = catalog(() => ({ entries: [] }));
    made.changed('tools');
    await vi.advanceTimersByTimeAsync(1_000);
    expect(asked).toEqual([]);
  });

  test('of resources concerns their templates too', async () => {
    let uri = 'a:1';
    const { made, changes } = catalog((_cursor, kind) => ({
      entries: kind === 'resources' ? [{ uri, name: 'x' }] : [{ uriTemplate: `${uri}{x}`, name: 'x' }],
    }));
    await made.get('resources', { signal: SIGNAL });
    await made.get('resourceTemplates', { signal: SIGNAL });
    uri = 'a:2';
    made.changed('resources');
    await vi.advanceTimersByTimeAsync(1_000);
    expect(changes).toEqual([
      { kind: 'resources', added: ['a:2'], removed: ['a:1'], changed: [] },
      { kind: 'resources', added: ['a:2{x}'], removed: ['a:1{x}'], changed: [] },
    ]);
  });

  test('that comes while the list is read is not taken for known', async () => {
    const { passed, open } = gate();
    let n = 0;
    const { made, names } = catalog(async () => {
      const mine = n++;
      if (mine === 0) await passed;
      return { entries: tools(`t${mine}`) };
    });
    const reading = names();
    made.changed('tools');
    open();
    expect(await reading).toEqual(['t0']);
    expect(made.known('tools')).toBeUndefined();
    expect(await names()).toEqual(['t1']);
  });

  test('that comes while the last one is read is read and told too', async () => {
    const doors: Record<number, ReturnType<typeof gate>> = { 1: gate() };
    let n = 0;
    const { made, names, changes } = catalog(async () => {
      const mine = n++;
      await doors[mine]?.passed;
      return { entries: tools(`t${mine}`) };
    });
    await names();
    made.changed('tools');
    await vi.advanceTimersByTimeAsync(500);
    expect(n).toBe(2);
    made.changed('tools');
    doors[1]?.open();
    await vi.advanceTimersByTimeAsync(1_000);
    expect(knownNames(made)).toEqual(['t2']);
    expect(changes).toEqual([{ kind: 'tools', added: ['t2'], removed: ['t0'], changed: [] }]);
  });

  test('that cannot be read is reported, and the next reading tells the difference', async () => {
    let now: Tool[] | undefined = tools('a');
    const { made, names, changes, errors } = catalog(() => {
      if (now === undefined) throw new ConnectionError('CONNECTION_LOST', 'gone');
      return { entries: now };
    });
    await names();
    now = undefined;
    made.changed('tools');
    await vi.advanceTimersByTimeAsync(1_000);
    expect(errors).toMatchObject([{ code: 'CONNECTION_LOST' }]);
    now = tools('b');
    await names();
    expect(changes).toEqual([{ kind: 'tools', added: ['b'], removed: ['a'], changed: [] }]);
  });

  test('is noticed by a reading that somebody asked for, too', async () => {
    let now = tools('a');
    const { names, changes } = catalog(() => ({ entries: now }));
    await names();
    expect(changes).toEqual([]);
    now = tools('a', 'b');
    await names({ fresh: true });
    expect(changes).toEqual([{ kind: 'tools', added: ['b'], removed: [], changed: [] }]);
  });
});

describe('a private list, where requests are of several users', () => {
  const several = () => false;
  const one = (...names: string[]): Page => ({ entries: tools(...names), ttlMs: 60_000, isPrivate: true });

  test('is for the one who asked, and for nobody who came meanwhile', async () => {
    const begun = gate();
    let reads = 0;
    const { names, asked } = catalog(async () => {
      const read = reads++;
      if (read === 0) await begun.passed;
      return one(`of-reading-${read}`);
    }, several);
    const both = [names(), names()];
    begun.open();
    expect(await Promise.all(both)).toEqual([['of-reading-0'], ['of-reading-1']]);
    expect(await names()).toEqual(['of-reading-2']);
    expect(asked).toHaveLength(3);
  });

  test('is found out with its first page, which may have brought the first token', async () => {
    let isShared = true;
    const { names, asked } = catalog(
      () => {
        isShared = false;
        return one('a');
      },
      () => isShared,
    );
    await names();
    await names();
    expect(asked).toHaveLength(2);
  });

  test('that differs from that of another user has not changed', async () => {
    let user = 'ann';
    const { names, made, changes } = catalog(() => one(user), several);
    await names();
    user = 'ben';
    await names();
    expect(changes).toEqual([]);
    user = 'cleo';
    made.changed('tools');
    await vi.advanceTimersByTimeAsync(100);
    expect(changes).toEqual([{ kind: 'tools', added: ['cleo'], removed: ['ben'], changed: [] }]);
  });

  test('is kept where all requests are of one user', async () => {
    const { names, asked } = catalog(() => one('a'));
    await names();
    await names();
    expect(asked).toHaveLength(1);
  });
});

describe('closing', () => {
  test('ends what is read and what would be read, quietly', async () => {
    const { made, names, errors, asked } = catalog((cursor) =>
      cursor === undefined && asked.length === 1 ? { entries: tools('a') } : new Promise(() => {}),
    );
    await names();
    const reading = rejection(names({ fresh: true }));
    made.changed('tools');
    made.close();
    await reading;
    await vi.advanceTimersByTimeAsync(10_000);
    expect(asked).toHaveLength(2);
    expect(errors).toEqual([]);
    expect(vi.getTimerCount()).toBe(0);
  });
});
