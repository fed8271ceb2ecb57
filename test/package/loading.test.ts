import { describe, expect, test } from 'vitest';
import { runNode } from './application.js';

const LAZY = ['chokidar', 'cross-spawn', 'hono', 'jsonc-parser', 'openid-client', 'ws', 'node:child_process'];

const DOORS = ['mcp-fleet', 'mcp-fleet/config', 'mcp-fleet/llm', 'mcp-fleet/rest', 'mcp-fleet/testing'];

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

  test('keeps the process alive for as long as somebody waits for a call, and no longer', async () => {
    const code = `
      const { McpManager } = ${how === 'import' ? "await import('mcp-fleet')" : "require('mcp-fleet')"};
      const manager = new McpManager({ servers: { a: { url: 'http://127.0.0.1:9/mcp' } } });
      manager.callTool({ name: 'a__x' }, { timeoutMs: 1_500 }).catch(({ code }) => console.log(code));
    `;
    const type = how === 'import' ? 'module' : 'commonjs';
    const { stdout } = await runNode([`--input-type=${type}`, '--eval', code]);
    // The second where the machine is so busy that the time is over before the attempts are.
    expect(stdout.trim()).toMatch(/^(CONNECT_FAILED|TIMEOUT)$/);
  });

  test('does not keep the process alive', async () => {
    const code =
      how === 'import'
        ? DOORS.map((door) => `import '${door}';`).join(' ')
        : DOORS.map((door) => `require('${door}');`).join(' ');
    const type = how === 'import' ? 'module' : 'commonjs';
    expect(await runNode([`--input-type=${type}`, '--eval', code])).toEqual({ stdout: '', stderr: '' });
  });
});

/** Packages and Node modules that are loaded once `modules` are. */
async function loadedBy(how: string, ...modules: string[]): Promise<string[]> {
  const { stdout } = await runNode(['loaded.mjs', how, ...modules]);
  return JSON.parse(stdout);
}
