import { ConnectionError } from '../../core/errors.js';
import { Rate } from '../../core/rate.js';
import type { Params } from '../reading/message.js';
import { readLogMessage, readUpdatedUri } from '../reading/server-messages.js';
import type { SessionObserver } from '../session.js';

const LISTS_THAT_CHANGE = {
  'notifications/tools/list_changed': 'tools',
  'notifications/resources/list_changed': 'resources',
  'notifications/prompts/list_changed': 'prompts',
} as const;

/** Log messages and updates that a server may send at once, and a second. */
const MAX_BURST = 1_000;
const MAX_PER_SECOND = 200;

/** What a server tells by itself, and how much of it is heard. */
export class Notifications {
  readonly #observer: SessionObserver;
  #rate: Rate | undefined;
  #dropped = false;

  constructor(observer: SessionObserver) {
    this.#observer = observer;
  }

  received(method: string, params: Params): void {
    const changed = LISTS_THAT_CHANGE[method as keyof typeof LISTS_THAT_CHANGE];
    if (changed !== undefined) this.#observer.listChanged(changed);
    else if (method === 'notifications/message')
      this.#metered(() => this.#observer.log(readLogMessage(params)));
    else if (method === 'notifications/resources/updated') this.#metered(() => this.#updated(params));
  }

  #updated(params: Params): void {
    const uri = readUpdatedUri(params);
    if (uri !== undefined) this.#observer.resourceUpdated(uri);
  }

  #metered(tell: () => void): void {
    this.#rate ??= new Rate(MAX_BURST, MAX_PER_SECOND);
    if (this.#rate.take()) tell();
    else this.#drop();
  }

  #drop(): void {
    if (this.#dropped) return;
    this.#dropped = true;
    const what = `The server sends more than ${MAX_PER_SECOND} log messages and updates a second`;
    this.#observer.error(new ConnectionError('PROTOCOL_ERROR', `${what}; some are dropped`));
  }
}
