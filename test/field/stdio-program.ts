import { INITIALIZED, RESULTS, type Results } from './mcp-answers.js';

export interface ProgramOptions {
  /** Beside those of every server. */
  results?: Results;
  /** Runs first. */
  before?: string;
  /**
   * Runs for each message `{ id, method, params }`, with `send(message)`, `raw(text)` and `result(value)`, before what every
   * server does; `return` there ends it.
   */
  on?: string;
}

/** The entry of a stdio server whose program is made of these pieces. None lives longer than a minute. */
export function program({ results = {}, before = '', on = '' }: ProgramOptions = {}): {
  command: string;
  args: string[];
} {
  return { command: process.execPath, args: ['-e', sourceOf({ results, before, on })] };
}

function sourceOf({ results, before, on }: Required<ProgramOptions>): string {
  return `
    setTimeout(() => process.exit(), 60_000).unref();
    const { appendFileSync, existsSync, writeFileSync } = require('node:fs');
    const results = ${JSON.stringify({ ...RESULTS, initialize: INITIALIZED, ...results })};
    const raw = (text) => process.stdout.write(text);
    const send = (message) => raw(JSON.stringify({ jsonrpc: '2.0', ...message }) + '\\n');
    ${before}
    const received = ({ id, method, params }) => {
      const result = (value) => send({ id, result: value });
      ${on}
      if (id === undefined || method === undefined) return;
      if (Object.hasOwn(results, method)) result(results[method]);
      else send({ id, error: { code: -32601, message: 'Method not found' } });
    };
    require('node:readline').createInterface({ input: process.stdin }).on('line', (line) => received(JSON.parse(line)));`;
}
