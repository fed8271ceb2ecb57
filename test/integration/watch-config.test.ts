import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdir, mkdtemp, rename, rm, symlink, unlink, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { McpManager, type McpManagerEvents, type ServersDiff } from 'mcp-fleet';
import { watchConfig } from 'mcp-fleet/config';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { rejection } from '../unit/client/fakes.js';

let folder: string;
let file: string;
let manager: McpManager;
let errors: McpManagerEvents['error'][];
let applied: ServersDiff[];
let stop: () => void;

beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'mcp-fleet-watch-'));
  file = join(folder, 'mcp.json');
  manager = new McpManager();
  errors = [];
  applied = [];
  stop = () => {};
  manager.on('error', (event) => errors.push(event));
});
afterEach(async () => {
  stop();
  await manager.close();
  await rm(folder, { recursive: true, force: true });
});

/** A configuration with servers of these names. */
function withServers(...names: string[]): string {
  const servers = Object.fromEntries(names.map((name) => [name, { url: `https://${name}.test/mcp` }]));
  return JSON.stringify({ mcpServers: servers });
}

async function watching(path = file, options: Parameters<typeof watchConfig>[2] = {}): Promise<void> {
  const onApplied = (diff: ServersDiff) => applied.push(diff);
  stop = await watchConfig(manager, path, { debounceMs: 60, onApplied, ...options });
}

async function expectServers(...names: string[]): Promise<void> {
  await expect.poll(() => [...manager.clients.keys()].sort(), { timeout: 10_000 }).toEqual(names.sort());
}

async function replace(content: string, path = file): Promise<void> {
  await writeFile(`${path}.tmp`, content);
  await rename(`${path}.tmp`, path);
}

describe('a watched file', () => {
  test('is applied at once, and again after each way to change it', async () => {
    await writeFile(file, withServers('a'));
    await watching();
    expect([...manager.clients.keys()]).toEqual(['a']);
    expect(applied).toEqual([{ added: ['a'], updated: [], removed: [] }]);

    await writeFile(file, withServers('a', 'b'));
    await expectServers('a', 'b');
    for (const name of ['c', 'd', 'e']) {
      await replace(withServers('a', name));
      await expectServers('a', name);
    }
    await writeFile(file, withServers('f'));
    await expectServers('f');
    await unlink(file);
    await writeFile(file, withServers('g'));
    await expectServers('g');
    await expect.poll(() => applied.at(-1)).toEqual({ added: ['g'], updated: [], removed: ['f'] });
  });

  test('that changes many times in a row ends as its last version, and is applied few times', async () => {
    await writeFile(file, withServers('first'));
    await watching();
    for (let version = 1; version <= 50; version += 1)
      await (version % 2 === 0 ? writeFile : (path: string, content: string) => replace(content, path))(
        file,
        withServers(`v${version}`),
      );
    await expectServers('v50');
    expect(applied.length).toBeLessThan(40);
  });

  test('that is never left alone is read nevertheless', async () => {
    await writeFile(file, withServers('first'));
    await watching(file, { debounceMs: 30 });
    let enough = false;
    const writing = (async () => {
      for (let version = 1; !enough; version++) {
        await replace(withServers(`v${version}`));
        await new Promise((resolve) => setTimeout(resolve, 15));
      }
    })();
    await expect.poll(() => applied.length, { timeout: 20_000 }).toBeGreaterThan(2);
    enough = true;
    await writing;
  });

  test('that is bad is one error event, and changes nothing until it is good again', async () => {
    await writeFile(file, withServers('a'));
    await watching();
    const client = manager.client('a');
    await replace('{ "mcpServers": { "a": { "heders": {} } } }');
    await expect.poll(() => errors.length).toBe(1);
    expect(errors[0]).toMatchObject({
      during: 'config',
      error: { code: 'INVALID_CONFIG', path: 'mcpServers.a.heders' },
    });
    expect(errors[0]).not.toHaveProperty('server');
    await replace('{ "mcpServers": ');
    await expect.poll(() => errors.length).toBe(2);
    expect(manager.client('a')).toBe(client);
    await replace(withServers('a'));
    await expect.poll(() => applied.length).toBe(2);
    expect(applied[1]).toEqual({ added: [], updated: [], removed: [] });
    expect(manager.client('a')).toBe(client);
    expect(errors).toHaveLength(2);
  });

  test('that goes away is one error event, and is applied when it comes back', async () => {
    await writeFile(file, withServers('a'));
    await watching();
    await unlink(file);
    await expect.poll(() => errors.map(({ error }) => error.message)).toEqual([`${file}: does not exist`]);
    expect([...manager.clients.keys()]).toEqual(['a']);
    await replace(withServers('b'));
    await expectServers('b');
    expect(errors).toHaveLength(1);
  });

  test('may be missing at first, with its folder', async () => {
    const nested = join(folder, 'later', 'mcp.json');
    await watching(nested);
    expect(errors).toMatchObject([{ during: 'config', error: { message: `${nested}: does not exist` } }]);
    await mkdir(join(folder, 'later'));
    await writeFile(nested, withServers('a'));
    await expectServers('a');
    await rm(join(folder, 'later'), { recursive: true });
    await expect.poll(() => errors.length, { timeout: 10_000 }).toBe(2);
    await mkdir(join(folder, 'later'));
    await writeFile(nested, withServers('b'));
    await expectServers('b');
    await replace(withServers('c'), nested);
    await expectServers('c');
  });

  test('in a config map of Kubernetes is followed from version to version', async () => {
    const version = async (number: number, ...names: string[]) => {
      await mkdir(join(folder, `..v${number}`));
      await writeFile(join(folder, `..v${number}`, 'mcp.json'), withServers(...names));
      await symlink(`..v${number}`, join(folder, '..data_tmp'));
      await rename(join(folder, '..data_tmp'), join(folder, '..data'));
      if (number > 1) await rm(join(folder, `..v${number - 1}`), { recursive: true });
    };
    await version(1, 'one');
    await symlink('..data/mcp.json', file);
    await watching();
    for (const number of [2, 3, 4]) {
      await version(number, `n${number}`);
      await expectServers(`n${number}`);
    }
    expect(errors).toEqual([]);
  });

  test('behind a link is followed in its own folder, and where the link is turned to', async () => {
    for (const name of ['x', 'y']) {
      await mkdir(join(folder, name));
      await writeFile(join(folder, name, 'real.json'), withServers(name));
    }
    await symlink('x/real.json', file);
    await watching();
    await replace(withServers('x', 'more'), join(folder, 'x', 'real.json'));
    await expectServers('x', 'more');
    await symlink('y/real.json', `${file}.tmp`);
    await rename(`${file}.tmp`, file);
    await expectServers('y');
    await writeFile(join(folder, 'y', 'real.json'), withServers('z'));
    await expectServers('z');
  });
});

describe('the watching', () => {
  test('ends with the returned function', async () => {
    await writeFile(file, withServers('a'));
    await watching();
    stop();
    await replace(withServers('b'));
    await new Promise((resolve) => setTimeout(resolve, 300));
    expect([...manager.clients.keys()]).toEqual(['a']);
  });

  test('ends with its signal, also before it has begun', async () => {
    await writeFile(file, withServers('a'));
    const abort = new AbortController();
    await watching(file, { signal: abort.signal });
    abort.abort();
    await replace(withServers('b'));
    await new Promise((resolve) => setTimeout(resolve, 300));
    expect([...manager.clients.keys()]).toEqual(['a']);

    const reason = new Error('no more');
    expect(await rejection(watchConfig(manager, file, { signal: AbortSignal.abort(reason) }))).toBe(reason);
    const late = new AbortController();
    const started = watchConfig(manager, file, { signal: late.signal });
    late.abort(reason);
    expect(await rejection(started)).toBe(reason);
  });

  test('of a manager that was closed ends without an error', async () => {
    await writeFile(file, withServers('a'));
    await watching();
    await manager.close();
    await replace(withServers('b'));
    await new Promise((resolve) => setTimeout(resolve, 300));
    expect(errors).toEqual([]);
  });

  test('survives a listener that throws, and tells of it', async () => {
    await writeFile(file, withServers('a'));
    stop = await watchConfig(manager, file, {
      debounceMs: 60,
      onApplied: () => {
        throw new Error('mine');
      },
    });
    expect(errors).toMatchObject([{ during: 'listener' }]);
    await replace(withServers('b'));
    await expectServers('b');
  });

  test.each([
    [{ debounceMs: 0 }, 'debounceMs'],
    [{ debounceMs: '5' }, 'debounceMs'],
    [{ onApplied: 1 }, 'onApplied'],
    [{ signal: 1 }, 'signal'],
    [{ env: 1 }, 'env'],
    [{ debounce: 1 }, 'debounce'],
  ])('with %j is refused', async (options, path) => {
    expect(await rejection(watchConfig(manager, file, options as never))).toMatchObject({
      code: 'INVALID_CONFIG',
      path,
    });
  });

  test('does not keep the process alive', async () => {
    await writeFile(file, withServers('a'));
    const program = `
      import { McpManager } from './src/index.ts';
      import { watchConfig } from './src/config.ts';
      await watchConfig(new McpManager(), process.argv[1], {});
      console.log('watching');
    `;
    const args = ['--import', 'tsx', '--import', 'data:text/javascript,globalThis.__VERSION__="0"'];
    const child = spawn(process.execPath, [...args, '--input-type=module', '--eval', program, file], {
      timeout: 25_000,
    });
    const output: string[] = [];
    child.stdout.on('data', (data) => output.push(String(data)));
    child.stderr.on('data', (data) => output.push(String(data)));
    const [code] = await once(child, 'exit');
    expect(output.join('')).toBe('watching\n');
    expect(code).toBe(0);
  });
});
