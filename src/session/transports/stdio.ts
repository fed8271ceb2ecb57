import type { ChildProcessWithoutNullStreams } from 'node:child_process';
import type { JSONRPCMessage } from '@modelcontextprotocol/sdk/types.js';
import spawn from 'cross-spawn';
import { ConnectionError } from '../../core/errors.js';
import { withoutText } from '../../core/foreign-error.js';
import { tooLarge } from '../../net/body.js';
import { connectionLost } from './connection-lost.js';
import type { Redact } from './http-refusal.js';
import { LineReader, TailBuffer } from './lines.js';
import { parseMessages } from './messages.js';
import { endProcess } from './process-group.js';
import type { JsonRpcTransport, SendContext, TransportSink } from './transport.js';

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
const STDERR_TAIL_BYTES = 2_048;
/** After the process has gone, how long its last words on stdout may take to arrive. */
const LAST_WORDS_MS = 30;

export interface StdioTransportOptions {
  command: string;
  args: readonly string[];
  env: Readonly<Record<string, string>>;
  cwd: string | undefined;
  maxResponseBytes: number;
  redact: Redact;
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
  readonly #stderr = new TailBuffer(STDERR_TAIL_BYTES);
  #process: ChildProcessWithoutNullStreams | undefined;
  #sink: TransportSink | undefined;
  #closing: Promise<void> | undefined;
  #garbageSeen = false;
  #unwritten: Unwritten[] = [];

  constructor(options: StdioTransportOptions) {
    this.#options = options;
  }

  start(sink: TransportSink): Promise<void> {
    this.#sink = sink;
    const { command, args, env, cwd } = this.#options;
    return new Promise((resolve, reject) => {
      const child = spawn(command, [...args], {
        env: { ...inheritedEnvironment(), ...env },
        cwd,
        stdio: 'pipe',
        // A group of its own, so that what the child starts ends with it.
        detached: process.platform !== 'win32',
        windowsHide: true,
      }) as ChildProcessWithoutNullStreams;
      this.#process = child;
      child.once('spawn', resolve);
      child.once('error', (cause) => reject(this.#notStarted(cause)));
      child.once('exit', (code, signal) => this.#exited(code, signal));
      const lines = new LineReader(this.#options.maxResponseBytes, (line) => this.#line(line));
      child.stdout.on('data', (chunk: Buffer) => {
        if (!lines.push(chunk)) this.#over(tooLarge(this.#options.maxResponseBytes));
      });
      child.stderr.on('data', (chunk: Buffer) => this.#stderr.push(chunk));
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

  /** What is sent in one go is written in one go. */
  #write(): void {
    const batch = this.#unwritten.splice(0);
    const stdin = this.#process?.stdin;
    if (stdin === undefined || !stdin.writable || this.#closing !== undefined) {
      for (const { reject } of batch) reject(connectionLost('The process is not running', 'not-sent'));
      return;
    }
    for (const { sent } of batch) sent();
    stdin.write(batch.map(({ line }) => line).join(''), (error) => {
      // When the process has gone, its exit says more than the broken pipe does.
      const failed = error && this.#process?.exitCode === null;
      for (const { resolve, reject } of batch) {
        if (failed) reject(connectionLost('Writing to the process failed', 'unknown', error));
        else resolve();
      }
    });
  }

  close(): Promise<void> {
    this.#closing ??= this.#process === undefined ? Promise.resolve() : endProcess(this.#process);
    return this.#closing;
  }

  #line(line: string): void {
    if (line.trim() === '') return;
    try {
      for (const message of parseMessages(line)) this.#sink?.message(message);
    } catch (error) {
      // Many servers greet on stdout. It is told once, and what follows is read.
      if (!this.#garbageSeen) this.#sink?.error(error as ConnectionError);
      this.#garbageSeen = true;
    }
  }

  #exited(code: number | null, signal: NodeJS.Signals | null): void {
    if (this.#closing !== undefined) return;
    const how = signal === null ? `exited with code ${code}` : `was ended by ${signal}`;
    const child = this.#process;
    const settle = () => {
      clearTimeout(timer);
      child?.off('close', settle);
      this.#over(connectionLost(`The process ${how}${this.#lastWords()}`));
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

  #lastWords(): string {
    const text = this.#options.redact(this.#stderr.text()).trim();
    return text === '' ? '' : `; the end of its stderr:\n${text}`;
  }

  #notStarted(cause: Error): ConnectionError {
    const code = (cause as NodeJS.ErrnoException).code ?? cause.name;
    const what = code === 'ENOENT' ? 'command (or cwd) not found' : 'the command cannot be run';
    return new ConnectionError('CONNECT_FAILED', `${this.#options.command}: ${what} (${code})`, {
      delivery: 'not-sent',
      // A missing program stays missing; a machine short of processes or memory recovers.
      retryable: code === 'EAGAIN' || code === 'EMFILE' || code === 'ENOMEM',
      // Node hangs the arguments on it.
      cause: withoutText(cause),
    });
  }
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
