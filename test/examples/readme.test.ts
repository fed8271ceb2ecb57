import { execFile } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { resolve } from 'node:path';
import { promisify } from 'node:util';
import ts from 'typescript';
import { describe, expect, test } from 'vitest';
import { SERVER_DEFAULTS } from '../../src/client/options.js';
import { authSchema } from '../../src/config/auth-entry.js';
import { listedEntrySchema } from '../../src/config/entry.js';
import { ERROR_CODES } from '../../src/core/errors.js';
import { VENDOR_LIMITS } from '../../src/llm/vendor-limits.js';
import { MANAGER_DEFAULTS } from '../../src/manager/mcp-manager.js';

const readme = readFileSync('README.md', 'utf8');

/** Code by the file that it is compiled as, which names the line of the README where it begins. */
const blocks = new Map(
  [...readme.matchAll(/^```ts\n(.*?)^```$/gms)].map(({ 1: code = '', index }) => {
    const line = readme.slice(0, index).split('\n').length + 1;
    return [`readme-line-${line}.ts`, code];
  }),
);

describe('code', () => {
  test('compiles, where a mistake would be noticed', { timeout: 60_000 }, () => {
    expect(blocks.size).toBeGreaterThan(10);
    const problems = problemsOf(new Map(blocks).set('control.ts', 'await manager.callTool({ nam: "x" });'));
    expect(problems).toEqual([expect.stringMatching(/^control\.ts:1: .*'nam' does not exist/)]);
  });

  test('of the first block runs', async () => {
    const [program = ''] = blocks.values();
    const arguments_ = ['--import', 'tsx', '--input-type=module', '--eval', program];
    const { stdout, stderr } = await promisify(execFile)(process.execPath, arguments_, {
      cwd: 'examples',
      timeout: 50_000,
    });
    expect(stdout).toContain('files__list_directory');
    expect(stdout).toContain('[FILE] quickstart.ts');
    expect(stderr).toBe('');
  });
});

describe('tables', () => {
  test('the defaults are those of the code', () => {
    const { clientInfo, ...numbers } = { ...SERVER_DEFAULTS, ...MANAGER_DEFAULTS };
    const [first, ...rows] = tableUnder('Defaults').map(([option = '', value = '']) => [option, value]);
    expect(first).toEqual(['clientInfo', `{ name: '${clientInfo.name}', version }`]);
    expect(
      rows.map(([option, value]) => [
        option,
        JSON.parse((value ?? '').replaceAll('_', '').replaceAll("'", '"')),
      ]),
    ).toEqual(
      Object.entries(numbers).flatMap(([option, value]): [string, unknown][] =>
        typeof value === 'object'
          ? Object.entries(value).map(([part, of]) => [`${option}.${part}`, of])
          : [[option, value]],
      ),
    );
  });

  test('the keys of a configuration are those of the schema, in its words', () => {
    const keys = Object.entries(listedEntrySchema.shape)
      .filter(([key]) => !(key in SERVER_DEFAULTS))
      .flatMap(([key, schema]): [string, { description?: string | undefined }][] =>
        key === 'auth'
          ? [
              [key, schema],
              ...authOptions().map(([option, of]): [string, typeof of] => [`auth.${option}`, of]),
            ]
          : [[key, schema]],
      );
    const expected = keys.map(([key, { description = '' }]) => [key, description.replaceAll('`', '')]);
    expect(tableUnder('Configuration')).toEqual(expected);
  });

  test('the vendor limits are those of the code', () => {
    const shown = tableUnder('LLM tools', 'Vendor limits').flatMap(([limit = '', ...values]) =>
      ['openai', 'anthropic', 'gemini'].flatMap((vendor, column) => {
        const value = values[column]?.replaceAll('_', '') ?? '';
        return value === '' ? [] : [[vendor, limit, Number(value)]];
      }),
    );
    const known = Object.entries(VENDOR_LIMITS).flatMap(([vendor, limits]) =>
      Object.entries(limits).map(([limit, value]) => [vendor, limit, value]),
    );
    expect(shown.sort()).toEqual(known.sort());
  });

  test('the error codes are all there are', () => {
    expect(tableUnder('Errors').map(([code]) => code)).toEqual([...ERROR_CODES]);
  });
});

/** The options of every kind of `auth`. */
function authOptions() {
  return authSchema.options
    .flatMap(({ shape }) => Object.entries(shape))
    .filter(([option]) => option !== 'type');
}

/** Cells of the table in a section, or in a part of it, without its head and without backticks. */
function tableUnder(heading: string, part?: string): string[][] {
  const [section = ''] = (readme.split(`\n## ${heading}\n`)[1] ?? '').split('\n## ');
  const [text = ''] =
    part === undefined ? [section] : (section.split(`\n### ${part}\n`)[1] ?? '').split('\n### ');
  const rows = text.split('\n').filter((line) => line.startsWith('|'));
  return rows.slice(2).map((row) =>
    row
      .split('|')
      .slice(1, -1)
      .map((cell) => cell.trim().replaceAll('`', '')),
  );
}

/** What TypeScript finds wrong with `files`, each a module. They may use the `manager` that an earlier block made. */
function problemsOf(files: ReadonlyMap<string, string>): string[] {
  const { config } = ts.readConfigFile('tsconfig.json', ts.sys.readFile);
  const { options } = ts.parseJsonConfigFileContent(config, ts.sys, process.cwd());
  const compilerOptions = { ...options, moduleDetection: ts.ModuleDetectionKind.Force };
  const sources = new Map(files).set(
    'globals.ts',
    "declare global { const manager: import('mcp-fleet').McpManager } export {};",
  );
  const texts = new Map([...sources].map(([name, text]) => [resolve(name), text]));
  const host = ts.createCompilerHost(compilerOptions);
  const { getSourceFile, fileExists } = host;
  host.fileExists = (path) => texts.has(path) || fileExists(path);
  host.getSourceFile = (path, version) => {
    const text = texts.get(path);
    return text === undefined ? getSourceFile(path, version) : ts.createSourceFile(path, text, version);
  };
  const program = ts.createProgram([...texts.keys()], compilerOptions, host);
  return [...sources.keys()].flatMap((name) => {
    const file = program.getSourceFile(resolve(name));
    return [...program.getSyntacticDiagnostics(file), ...program.getSemanticDiagnostics(file)].map(
      ({ start = 0, messageText }) => {
        const line = (file?.getLineAndCharacterOfPosition(start).line ?? 0) + 1;
        return `${name}:${line}: ${ts.flattenDiagnosticMessageText(messageText, ' ')}`;
      },
    );
  });
}
