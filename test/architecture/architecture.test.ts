import { readdirSync, readFileSync } from 'node:fs';
import { posix, sep } from 'node:path';
import ts from 'typescript';
import { describe, expect, test } from 'vitest';

/** Rooms of `src/`, lowest first: a room imports itself and the rooms before it. */
const LAYERS = ['core', 'net', 'auth', 'calls', 'session', 'client', 'manager'];
/** Rooms above all layers, which never import one another. */
const EDGES = ['config', 'rest', 'llm', 'telemetry', 'testing'];
/** `testing` needs the server side of the SDK. */
const ROOMS_WITH_SDK_VALUES = ['session', 'testing'];

const paths = readdirSync('src', { recursive: true, encoding: 'utf8' })
  .filter((path) => path.endsWith('.ts'))
  .map((path) => path.split(sep).join('/'));
const doors = paths.filter((path) => !path.includes('/'));
const roomFiles = paths.filter((path) => path.includes('/'));
const imports = roomFiles.flatMap(importsOf);

describe('doors', () => {
  test('hold nothing but named re-exports from rooms', () => {
    const others = doors.flatMap((path) => parse(path).statements.filter((one) => !isNamedReexport(one)));
    expect(others.map((one) => `${one.getSourceFile().fileName}: ${one.getText()}`)).toEqual([]);
  });

  test('are what package.json exports', () => {
    const { exports } = JSON.parse(readFileSync('package.json', 'utf8'));
    const subpaths = doors.map((path) => (path === 'index.ts' ? '.' : `./${posix.basename(path, '.ts')}`));
    expect(Object.keys(exports).sort()).toEqual([...subpaths, './package.json'].sort());
  });
});

describe('rooms', () => {
  test('have a place in the layers', () => {
    const rooms = new Set(roomFiles.map(roomOf));
    expect([...rooms].filter((room) => ![...LAYERS, ...EDGES].includes(room))).toEqual([]);
  });

  test('import only themselves and rooms below', () => {
    const upward = imports.filter(({ path, from }) => {
      const room = roomOf(path);
      const below = EDGES.includes(room) ? LAYERS : LAYERS.slice(0, LAYERS.indexOf(room));
      return (
        from.startsWith('.') && ![room, ...below].includes(roomOf(posix.join(posix.dirname(path), from)))
      );
    });
    expect(upward).toEqual([]);
  });

  test('import only types from the MCP SDK, but for session and testing', () => {
    const values = imports.filter(
      ({ path, from, isType }) =>
        from.startsWith('@modelcontextprotocol/') && !isType && !ROOMS_WITH_SDK_VALUES.includes(roomOf(path)),
    );
    expect(values).toEqual([]);
  });
});

describe('files', () => {
  test('leave the process and the console alone', () => {
    const forbidden = [
      /\bconsole\./,
      /\bprocess\.(on|once|addListener|prependListener)\(/,
      /\bdelete process\.env\b/,
      /\bprocess\.env(\.\w+|\[[^\]]*\])?\s*(\?\?|\|\||&&)?=(?!=)/,
    ];
    const offending = paths.filter((path) => {
      const code = codeOf(path);
      return forbidden.some((pattern) => pattern.test(code));
    });
    expect(offending).toEqual([]);
  });

  test('have kebab-case names', () => {
    expect(paths.filter((path) => !/^([a-z0-9-]+\/)*[a-z0-9-]+\.ts$/.test(path))).toEqual([]);
  });

  test('are named for what they hold', () => {
    expect(paths.filter((path) => /(^|\/)(utils?|helpers?|common|types)(\/|\.ts$)/.test(path))).toEqual([]);
  });
});

function parse(path: string): ts.SourceFile {
  return ts.createSourceFile(path, readFileSync(`src/${path}`, 'utf8'), ts.ScriptTarget.Latest, true);
}

function codeOf(path: string): string {
  return ts.createPrinter({ removeComments: true }).printFile(parse(path));
}

/** The first folder of a path inside `src/`. */
function roomOf(path: string): string {
  return path.split('/')[0] ?? path;
}

function isNamedReexport(statement: ts.Statement): boolean {
  return (
    ts.isExportDeclaration(statement) &&
    statement.exportClause !== undefined &&
    ts.isNamedExports(statement.exportClause) &&
    statement.moduleSpecifier !== undefined &&
    /^'\.\/[^/']+\/.+\.js'$/.test(statement.moduleSpecifier.getText())
  );
}

/** Every import and re-export of a file. `import { type A }` counts as a value, because it loads the module. */
function importsOf(path: string): { path: string; from: string; isType: boolean }[] {
  const found: { path: string; from: string; isType: boolean }[] = [];
  const add = (from: ts.Node | undefined, isType: boolean) => {
    if (from && ts.isStringLiteralLike(from)) found.push({ path, from: from.text, isType });
  };
  const visit = (node: ts.Node): void => {
    if (ts.isImportDeclaration(node)) {
      add(node.moduleSpecifier, node.importClause?.isTypeOnly ?? false);
    } else if (ts.isExportDeclaration(node)) {
      add(node.moduleSpecifier, node.isTypeOnly);
    } else if (ts.isImportTypeNode(node) && ts.isLiteralTypeNode(node.argument)) {
      add(node.argument.literal, true);
    } else if (ts.isCallExpression(node) && node.expression.kind === ts.SyntaxKind.ImportKeyword) {
      add(node.arguments[0], false);
    }
    ts.forEachChild(node, visit);
  };
  visit(parse(path));
  return found;
}
