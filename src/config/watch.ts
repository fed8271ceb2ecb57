import { z } from 'zod';
import { check } from '../client/options.js';
import type { ServerConfig } from '../client/server-config.js';
import { durationMs } from '../client/server-schema.js';
import { abortable } from '../core/abort.js';
import type { Unsubscribe } from '../core/emitter.js';
import { asFleetError, type McpFleetError } from '../core/errors.js';
import type { ServersDiff } from '../manager/fleet.js';
import { type McpManager, REPORT } from '../manager/mcp-manager.js';
import { filePathOf, readConfigText, serversIn } from './config-file.js';
import { FileEvents } from './file-events.js';
import { type ConfigOptions, environmentOf } from './parse.js';
import type { Environment } from './references.js';

export interface WatchConfigOptions extends ConfigOptions {
  /** The file is read once it has been left alone for so long. Milliseconds. @default 100 */
  debounceMs?: number;
  /** Ends the watching when aborted. */
  signal?: AbortSignal;
  /** Called after each change that was applied, with what it changed, which may be nothing. */
  onApplied?: (diff: ServersDiff) => void;
}

const DEBOUNCE_MS = 100;
/** A file that is never left alone is read nevertheless, after so many times `debounceMs`. */
const LONGEST_DEBOUNCE = 10;

const optionsSchema = z.strictObject({
  env: z.unknown().optional(),
  debounceMs: durationMs.optional(),
  signal: z.instanceof(AbortSignal, { error: 'expected an AbortSignal' }).optional(),
  onApplied: z
    .custom<unknown>((value) => typeof value === 'function', { error: 'expected a function' })
    .optional(),
});

/**
 * Makes the servers of `manager` those of a configuration file, now and after each change of it, by
 * {@link McpManager.setServers}. Resolves when the file was applied for the first time, and the watching has begun.
 *
 * A file that cannot be read or used is an `error` event of the manager (`during: 'config'`), once, and changes
 * nothing; that holds for the first time, too. (For a start that must fail, call `loadConfig` before.) The watching
 * ends with the returned function, with `signal`, or at the first change after the manager was closed. It does not
 * keep the process alive.
 *
 * @throws {ConfigError} for a bad option or path; or the signal's reason
 */
export async function watchConfig(
  manager: McpManager,
  path: string | URL,
  options: WatchConfigOptions = {},
): Promise<Unsubscribe> {
  check(optionsSchema, options, '');
  const { debounceMs = DEBOUNCE_MS, signal, onApplied = () => {} } = options;
  const settings = { env: environmentOf(options), debounceMs, onApplied };
  const watch = new ConfigWatch(manager, filePathOf(path), settings);
  signal?.throwIfAborted();
  const stop = () => {
    signal?.removeEventListener('abort', stop);
    watch.stop();
  };
  signal?.addEventListener('abort', stop, { once: true });
  try {
    await abortable(watch.start(), signal);
    return stop;
  } catch (error) {
    stop();
    throw error;
  }
}

interface WatchSettings {
  readonly env: Environment;
  readonly debounceMs: number;
  readonly onApplied: (diff: ServersDiff) => void;
}

class ConfigWatch {
  readonly #manager: McpManager;
  readonly #file: string;
  readonly #settings: WatchSettings;
  readonly #events: FileEvents;
  /** The file's text when it was last read, or what was wrong with it. */
  #last: string | undefined;
  #reading: Promise<void> = Promise.resolve();
  #timer: NodeJS.Timeout | undefined;
  #firstEventAt: number | undefined;
  #stopped = false;

  constructor(manager: McpManager, file: string, settings: WatchSettings) {
    this.#manager = manager;
    this.#file = file;
    this.#settings = settings;
    this.#events = new FileEvents(file, () => this.#changed());
  }

  /** Resolves when the file was applied. */
  async start(): Promise<void> {
    await this.#events.start();
    const applied = await this.#next();
    await applied.done;
  }

  stop(): void {
    this.#stopped = true;
    clearTimeout(this.#timer);
    void this.#events.close();
  }

  /** Waits until the file is left alone, so that it is not read while it is being written. */
  #changed(): void {
    if (this.#stopped) return;
    const { debounceMs } = this.#settings;
    const now = performance.now();
    this.#firstEventAt ??= now;
    const latest = this.#firstEventAt + LONGEST_DEBOUNCE * debounceMs;
    clearTimeout(this.#timer);
    this.#timer = setTimeout(() => void this.#next(), Math.max(0, Math.min(debounceMs, latest - now)));
    this.#timer.unref();
  }

  /** Reads one version of the file after the other. To apply one may take longer, until the calls of servers that leave end. */
  #next(): Promise<{ done: Promise<void> }> {
    clearTimeout(this.#timer);
    this.#firstEventAt = undefined;
    const next = this.#reading.then(async () => {
      const servers = await this.#read();
      return { done: servers === undefined ? Promise.resolve() : this.#apply(servers) };
    });
    this.#reading = next.then(() => {});
    return next;
  }

  /** The servers of the file, or `undefined` if it is as it was, or cannot be used. */
  async #read(): Promise<Record<string, ServerConfig> | undefined> {
    if (this.#stopped) return undefined;
    // It may lie somewhere else by now.
    this.#events.look().catch(() => {});
    let now = '';
    try {
      const text = await readConfigText(this.#file);
      now = `text: ${text}`;
      return this.#last === now ? undefined : serversIn(text, this.#file, this.#settings.env);
    } catch (thrown) {
      const error = asFleetError(thrown);
      if (now === '') now = `fault: ${error.message}`;
      if (this.#last !== now) this.#report('config', error);
      return undefined;
    } finally {
      this.#last = now;
    }
  }

  async #apply(servers: Record<string, ServerConfig>): Promise<void> {
    if (this.#stopped) return;
    let diff: ServersDiff;
    try {
      diff = await this.#manager.setServers(servers);
    } catch (thrown) {
      const error = asFleetError(thrown);
      if (error.code === 'CLOSED') this.stop();
      else this.#report('config', error);
      return;
    }
    try {
      await (this.#settings.onApplied(diff) as unknown);
    } catch (thrown) {
      this.#report('listener', asFleetError(thrown));
    }
  }

  #report(during: 'config' | 'listener', error: McpFleetError): void {
    if (!this.#stopped) this.#manager[REPORT]({ during, error });
  }
}
