import type { ChildProcessWithoutNullStreams } from 'node:child_process';
import type { JSONRPCMessage } from '@modelcontextprotocol/sdk/types.js';
import spawn from 'cross-spawn';
import { ConnectionError, McpFleetError } from '../../core/errors.js';
import { withoutText } from '../../core/foreign-error.js';
import { Pacer } from '../../core/pacer.js';
import { tooLarge } from '../../net/body.js';
import { readLine } from '../reading/line.js';
import { oversizeMessage } from '../reading/message.js';
import { connectionLost } from './connection-lost.js';
import { LineReader } from './lines.js';
import { endWithHost } from './orphans.js';
import { endProcess } from './process-group.js';
import type { Stderr } from './stderr.js';
import type { JsonRpcTransport, SendContext, TransportSink } from './transport.js';

/** A chunk may hold thousands of lines. */
const SLICE_BYTES = 4_096;

/** What a child may know of its parent's environment: enough to find programs and a home. */
const INHERITED_VARIABLES =
  process.platform === 'win32'
    ? [
        'APPDATA',
        'HOMEDRIVE',
        'HOMEPATH',
        'LOCALAPPDATA',
        'PATH',
        'PATHEXT',
        'PROCESSOR_ARCHITECTURE',
        'PROGRAMFILES',
        'SYSTEMDRIVE',
        'SYSTEMROOT',
        'TEMP',
        'USERNAME',
        'USERPROFILE',
      ]
    : ['HOME', 'LANG', 'LOGNAME', 'PATH', 'SHELL', 'TERM', 'TMPDIR', 'USER'];
/** After the process has gone, how long its last words on stdout may take to arrive. */
const LAST_WORDS_MS = 30;
/** After a write that failed, how long the exit that explains it may take. */
const EXIT_AFTER_BROKEN_PIPE_MS = 1_000;
/** What may wait for a process that does not read. */
const MAX_BACKLOG_BYTES = 16_777_216;

export interface StdioTransportOptions {
  command: string;
  args: readonly string[];
  env: Readonly<Record<string, string>>;
  cwd: string | undefined;
  maxResponseBytes: number;
  stderr: Stderr | undefined;
}

/** A message that waits for the others of its moment. */
interface Unwritten {
  readonly line: string;
  sent(): void;
  resolve(): void;
  reject(error: unknown): void;
}

/** stdio (MCP "Transports"): a child process, one JSON-RPC message per line. */
export class StdioTransport implements JsonRpcTransport {
  readonly kind = 'stdio';
  readonly #options: StdioTransportOptions;
  #process: ChildProcessWithoutNullStreams | undefined;
  #sink: TransportSink | undefined;
  #closing: Promise<void> | undefined;
  #unwritten: Unwritten[] = [];

  constructor(options: StdioTransportOptions) {
    this.#options = options;
  }

  start(sink: TransportSink): Promise<void> {
    this.#sink = sink;
    return new Promise((resolve, reject) => {
      let child: ChildProcessWithoutNullStreams;
      try {
        child = this.#spawn();
      } catch (cause) {
        return reject(this.#notStarted(cause));
      }
      this.#process = child;
      child.once('spawn', () => {
        endWithHost(child);
        resolve();
      });
      child.once('error', (cause) => reject(this.#notStarted(cause)));
      child.once('exit', (code, signal) => this.#exited(code, signal));
      this.#read(child);
      // A broken pipe shows in the write that met it, or in the exit.
      for (const stream of [child.stdin, child.stdout, child.stderr]) stream.on('error', () => {});
    });
  }

  send(message: JSONRPCMessage, { sent }: SendContext): Promise<void> {
    return new Promise((resolve, reject) => {
      const line = `${JSON.stringify(message)}\n`;
      if (this.#unwritten.push({ line, sent, resolve, reject }) === 1) process.nextTick(() => this.#write());
    });
  }

  close(): Promise<void> {
    this.#closing ??= this.#process === undefined ? Promise.resolve() : endProcess(this.#process);
    return this.#closing;
  }

  #spawn(): ChildProcessWithoutNullStreams {
    const { command, args, env, cwd } = this.#options;
    return spawn(command, [...args], {
      env: { ...inheritedEnvironment(), ...env },
      cwd,
      stdio: 'pipe',
      // A group of its own, so that what the child starts ends with it.
      detached: process.platform !== 'win32',
      windowsHide: true,
    }) as ChildProcessWithoutNullStreams;
  }

  #read({ stdout, stderr }: ChildProcessWithoutNullStreams): void {
    const { maxResponseBytes: maxBytes } = this.#options;
    const lines = new LineReader(maxBytes, {
      line: (line) => {
        if (line === '') return;
        for (const message of readLine(line, { maxBytes })) this.#sink?.message(message);
      },
      oversize: (head, tail) => this.#sink?.message(oversizeMessage(head, tail)),
    });
    const pacer = new Pacer(stdout);
    stdout.on('data', (chunk: Buffer) =>
      pacer.each(slices(chunk), (slice) => {
        if (!lines.push(slice)) this.#over(tooLarge(maxBytes));
      }),
    );
    const stderrPacer = new Pacer(stderr);
    this.#options.stderr?.restart();
    stderr.on('data', (chunk: Buffer) => stderrPacer.run(() => this.#options.stderr?.push(chunk)));
  }

  /** What is sent in one go is written in one go. */
  #write(): void {
    const batch = this.#unwritten.splice(0);
    const stdin = this.#process?.stdin;
    if (stdin === undefined || !stdin.writable || this.#closing !== undefined) {
      for (const { reject } of batch) reject(connectionLost('The process is not running', 'not-sent'));
      return;
    }
    if (stdin.writableLength > MAX_BACKLOG_BYTES) {
      for (const { reject } of batch) reject(notRead());
      return;
    }
    for (const { sent } of batch) sent();
    stdin.write(batch.map(({ line }) => line).join(''), (error) => {
      // What became of the process says more than the broken pipe does, and ends what was written too.
      if (error) setTimeout(() => this.#over(brokenPipe(error)), EXIT_AFTER_BROKEN_PIPE_MS).unref();
      for (const { resolve } of batch) resolve();
    });
  }

  #exited(code: number | null, signal: NodeJS.Signals | null): void {
    if (this.#closing !== undefined) return;
    const how = signal === null ? `exited with code ${code}` : `was ended by ${signal}`;
    const child = this.#process;
    const settle = () => {
      clearTimeout(timer);
      child?.off('close', settle);
      this.#over(connectionLost(`The process ${how}${this.#options.stderr?.lastWords ?? ''}`));
    };
    // Not 'close' alone: a grandchild that holds stdout would keep it from ever coming.
    const timer = setTimeout(settle, LAST_WORDS_MS);
    child?.once('close', settle);
  }

  #over(reason: ConnectionError): void {
    if (this.#closing !== undefined) return;
    void this.close();
    this.#sink?.closed(reason);
  }

  #notStarted(cause: unknown): ConnectionError {
    const { code = cause instanceof Error ? cause.name : 'unknown' } = cause as { code?: string };
    const what = SPAWN_FAULTS[code] ?? 'the command cannot be run';
    return new ConnectionError('CONNECT_FAILED', `${this.#options.command}: ${what} (${code})`, {
      delivery: 'not-sent',
      // A missing program stays missing; a machine short of processes or memory recovers.
      retryable: code === 'EAGAIN' || code === 'EMFILE' || code === 'ENFILE' || code === 'ENOMEM',
      // Node hangs the arguments on it.
      cause: withoutText(cause),
    });
  }
}

const SPAWN_FAULTS: Readonly<Record<string, string>> = {
  ENOENT: 'command (or cwd) not found',
  ENOTDIR: 'cwd is not a folder',
  EACCES: 'the command is not executable',
  E2BIG: 'args and env are longer than the system allows',
  ERR_INVALID_ARG_VALUE: 'command, args, env and cwd must not contain NUL characters',
};

function brokenPipe(cause: Error): ConnectionError {
  return connectionLost('Writing to the process failed', 'unknown', cause);
}

function notRead(): McpFleetError {
  return new McpFleetError(
    'QUEUE_FULL',
    `The process does not read its stdin: more than ${MAX_BACKLOG_BYTES} bytes wait`,
    { delivery: 'not-sent', retryable: true },
  );
}

function inheritedEnvironment(): Record<string, string> {
  const environment: Record<string, string> = {};
  for (const name of INHERITED_VARIABLES) {
    const value = process.env[name];
    // A value that begins with () is a shell function exported by an old bash, which some shells would run.
    if (value !== undefined && !value.startsWith('()')) environment[name] = value;
  }
  return environment;
}

function* slices(chunk: Buffer): Generator<Buffer> {
  for (let start = 0; start < chunk.length; start += SLICE_BYTES)
    yield chunk.subarray(start, start + SLICE_BYTES);
}
