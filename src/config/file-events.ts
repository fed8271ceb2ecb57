import { realpath, stat } from 'node:fs/promises';
import { basename, dirname } from 'node:path';
import type { FSWatcher } from 'chokidar';

/** What no event tells is noticed by then: network file systems, and folders that were replaced. */
const LOOK_EVERY_MS = 2_000;
/** The link that Kubernetes turns to the next version of a config map. */
const CONFIG_MAP_LINK = '..data';

/**
 * Tells when a file may have changed. Watches the folders of the file and of what it links to rather than the
 * file, so that it does not matter whether it is written, replaced, removed or linked anew. Keeps no process alive.
 */
export class FileEvents {
  readonly #file: string;
  readonly #onEvent: () => void;
  #watcher: FSWatcher | undefined;
  /** The folders that are watched, and which of that name they are. */
  #folders = '';
  #seen = '';
  #looking: Promise<void> | undefined;
  #timer: NodeJS.Timeout | undefined;
  #closed = false;

  constructor(file: string, onEvent: () => void) {
    this.#file = file;
    this.#onEvent = onEvent;
  }

  /** Resolves when nothing that happens from here on is missed. */
  async start(): Promise<void> {
    await this.look();
    if (this.#closed) return;
    this.#timer = setInterval(() => this.look().catch(() => {}), LOOK_EVERY_MS);
    this.#timer.unref();
  }

  /** Watches where the file is by now, and tells if it is not the one that was there at the last look. */
  look(): Promise<void> {
    this.#looking ??= this.#look().finally(() => {
      this.#looking = undefined;
    });
    return this.#looking;
  }

  async close(): Promise<void> {
    this.#closed = true;
    clearInterval(this.#timer);
    await this.#looking?.catch(() => {});
    await this.#watcher?.close();
  }

  async #look(): Promise<void> {
    const target = await realpath(this.#file).catch(() => this.#file);
    const folders = [...new Set([dirname(this.#file), dirname(target)])];
    const identities = await Promise.all(folders.map(identityOf));
    const known = folders.map((folder, index) => `${folder} ${identities[index]}`).join('\n');
    if (known !== this.#folders) {
      this.#folders = known;
      await this.#watch(
        folders.filter((_, index) => identities[index] !== ''),
        new Set([basename(this.#file), basename(target), CONFIG_MAP_LINK]),
      );
    }
    const seen = await versionOf(this.#file);
    if (seen === this.#seen) return;
    this.#seen = seen;
    this.#onEvent();
  }

  async #watch(folders: string[], names: ReadonlySet<string>): Promise<void> {
    await this.#watcher?.close();
    this.#watcher = undefined;
    if (this.#closed || folders.length === 0) return;
    const { watch } = await import('chokidar');
    const watcher = watch(folders, {
      persistent: false,
      ignoreInitial: true,
      depth: 0,
      followSymlinks: false,
      atomic: false,
      ignored: (path) => !folders.includes(path) && !names.has(basename(path)),
    });
    this.#watcher = watcher;
    watcher.on('all', () => this.#onEvent());
    // `all` leaves out changes that follow each other quickly.
    watcher.on('raw', (_event, path) => (!path || names.has(basename(path))) && this.#onEvent());
    // The look from time to time goes on without events.
    watcher.on('error', () => {});
    await new Promise<void>((resolve) => watcher.once('ready', resolve));
  }
}

async function identityOf(path: string): Promise<string> {
  const found = await stat(path).catch(() => undefined);
  return found === undefined ? '' : `${found.dev}:${found.ino}`;
}

async function versionOf(path: string): Promise<string> {
  const found = await stat(path).catch(() => undefined);
  return found === undefined
    ? ''
    : `${found.dev}:${found.ino}:${found.size}:${found.mtimeMs}:${found.ctimeMs}`;
}
