import type { LoggingLevel } from '@modelcontextprotocol/sdk/types.js';
import type { Session } from '../session/session.js';

/** What a caller asked for once and expects to hold: each new session is told again. */
export class StandingRequests {
  readonly #subscriptions = new Set<string>();
  #logLevel: LoggingLevel | undefined;

  subscribed(uri: string): void {
    this.#subscriptions.add(uri);
  }

  unsubscribed(uri: string): void {
    this.#subscriptions.delete(uri);
  }

  logLevel(level: LoggingLevel): void {
    this.#logLevel = level;
  }

  async renew(session: Session, signal: AbortSignal, onError: (error: unknown) => void): Promise<void> {
    const requests = [...this.#subscriptions].map((uri) =>
      session.request('resources/subscribe', { uri }, { signal }),
    );
    if (this.#logLevel !== undefined) {
      requests.push(session.request('logging/setLevel', { level: this.#logLevel }, { signal }));
    }
    await Promise.all(requests.map((request) => request.catch(onError)));
  }
}
