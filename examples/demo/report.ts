import { stripVTControlCharacters, styleText } from 'node:util';
import type { McpManager, ServerStatus } from 'mcp-fleet';

type Style = Parameters<typeof styleText>[0];

/** Without NO_COLOR, and on a terminal that has colours. */
const coloured = process.stdout.isTTY && process.stdout.hasColors();

const STATUS_STYLES: Record<ServerStatus, Style> = {
  idle: 'dim',
  connecting: 'dim',
  ready: 'green',
  unhealthy: 'yellow',
  reconnecting: 'yellow',
  failed: 'red',
  closed: 'dim',
};

export function heading(text: string): void {
  console.log(`\n${styled('bold', text)}`);
}

export function line(text: string): void {
  console.log(`  ${text}`);
}

/** Columns as wide as their widest cell. */
export function table(rows: readonly (readonly string[])[]): void {
  const widths = (rows[0] ?? []).map((_cell, column) => Math.max(...rows.map((row) => width(row[column]))));
  for (const row of rows) {
    const cells = row.map((cell, column) => cell + ' '.repeat((widths[column] ?? 0) - width(cell)));
    line(cells.join('  ').trimEnd());
  }
}

export function statusTable(manager: McpManager): void {
  const head = ['server', 'status', 'transport', 'protocol', 'implementation', 'reason'];
  const rows = manager
    .snapshot()
    .servers.map(({ server, status, transport, protocolVersion = '', serverInfo, lastError }) => [
      server,
      styled(STATUS_STYLES[status], status),
      transport,
      protocolVersion,
      serverInfo === undefined ? '' : `${serverInfo.name} ${serverInfo.version}`,
      lastError === undefined ? '' : `${lastError.code}: ${lastError.message}`,
    ]);
  console.log();
  table([head.map((name) => styled('underline', name)), ...rows]);
}

/** Prints what the library tells by itself, at the moment it happens. */
export function reportEvents(manager: McpManager): void {
  const event = (server: string, text: string) => line(`${styled('cyan', `[${server}]`)} ${text}`);
  manager.on('status', ({ server, previous, status, error }) => {
    const change = `${styled(STATUS_STYLES[previous], previous)} → ${styled(STATUS_STYLES[status], status)}`;
    event(server, error === undefined ? change : `${change}  ${styled('dim', shortened(error.message))}`);
  });
  manager.on('refresh', ({ server, reason, expiresAt = Number.NaN, error }) => {
    const seconds = Math.round((expiresAt - Date.now()) / 1_000);
    event(server, error?.message ?? `token fetched (${reason}), good for ${seconds} s`);
  });
}

export function shortened(text: string, length = 90): string {
  const words = text.replace(/\s+/g, ' ').trim();
  return words.length <= length ? words : `${words.slice(0, length - 1)}…`;
}

export function styled(style: Style, text: string): string {
  return coloured ? styleText(style, text) : text;
}

function width(text = ''): number {
  return stripVTControlCharacters(text).length;
}
