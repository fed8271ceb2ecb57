import type { LoggingLevel, LoggingMessageNotification } from '@modelcontextprotocol/sdk/types.js';
import type { Progress } from '../session.js';
import type { Params } from './message.js';
import { anything, number, text } from './shapes.js';

/** RFC 5424 section 6.2.1, as MCP "Logging" names them. */
const LEVELS: ReadonlySet<unknown> = new Set([
  'debug',
  'info',
  'notice',
  'warning',
  'error',
  'critical',
  'alert',
  'emergency',
]);

/** `undefined` where it tells no progress. */
export function readProgress(params: Params): Progress | undefined {
  const { progressToken: _token, ...rest } = params;
  const progress = number(params.progress);
  if (progress === undefined) return undefined;
  const read: Record<string, unknown> = { ...rest, progress };
  for (const [name, member] of [
    ['total', number(params.total)],
    ['message', text(params.message)],
  ] as const) {
    if (member === undefined) delete read[name];
    else read[name] = member;
  }
  return read as unknown as Progress;
}

/** A level that is not known here is `info`, as most are. */
export function readLogMessage(params: Params): LoggingMessageNotification['params'] {
  const level = String(text(params.level)).toLowerCase();
  const logger = text(params.logger) as string | undefined;
  return {
    level: (LEVELS.has(level) ? level : level === 'warn' ? 'warning' : 'info') as LoggingLevel,
    ...(logger !== undefined && { logger }),
    data: anything(params.data) ?? anything(params.message),
  };
}

/** The URI of a resource that was updated. */
export function readUpdatedUri(params: Params): string | undefined {
  return text(params.uri) as string | undefined;
}
