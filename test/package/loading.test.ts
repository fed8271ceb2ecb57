import { describe, expect, test } from 'vitest';
import { runNode } from './application.js';

const LAZY = ['cross-spawn', 'hono', 'openid-client', 'ws', 'node:child_process'];

describe.each(['import', 'require'])('by %s', (how) => {
  test('loads nothing before it is needed', async () => {
    const names = await loadedBy(how, 'mcp-fleet');
    expect(names).toContain('mcp-fleet');
    expect(names.filter((name) => LAZY.includes(name))).toEqual([]);
  });

  test('loads next to nothing for the models', async () => {
    const names = await loadedBy(how, 'mcp-fleet/llm');
    expect(names).toContain('mcp-fleet');
    expect(
      names.filter((name) => [...LAZY, 'zod', 'undici', '@modelcontextprotocol/sdk'].includes(name)),
    ).toEqual([]);
  });

  test.each(LAZY)('control: %s would be noticed', async (name) => {
    expect(await loadedBy(how, 'mcp-fleet', name)).toContain(name);
  });

  test('does not keep the process alive', async () => {
    const code =
      how === 'import'
        ? "import 'mcp-fleet'; import 'mcp-fleet/testing'"
        : "require('mcp-fleet'); require('mcp-fleet/testing')";
    const type = how === 'import' ? 'module' : 'commonjs';
    expect(await runNode([`--input-type=${type}`, '--eval', code])).toEqual({ stdout: '', stderr: '' });
  });
});

/** Packages and Node modules that are loaded once `modules` are. */
async function loadedBy(how: string, ...modules: string[]): Promise<string[]> {
  const { stdout } = await runNode(['loaded.mjs', how, ...modules]);
  return JSON.parse(stdout);
}
