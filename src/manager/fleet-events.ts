import type { McpClientEvents } from '../client/events.js';
import type { McpClient } from '../client/mcp-client.js';
import { Emitter, type ListenOptions, type Unsubscribe } from '../core/emitter.js';
import { asFleetError } from '../core/errors.js';
import type { McpManagerEvents } from './fleet.js';

type EventName = keyof McpManagerEvents;

/** What is passed on of one client: the events of `names` that somebody listens to. */
interface Following {
  readonly names: readonly EventName[] | undefined;
  stops: Map<EventName, Unsubscribe> | undefined;
}

/**
 * The events of a manager: its own, and those of its clients. A client is listened to only for what somebody
 * here listens to, so that nobody builds events that nobody hears.
 */
export class FleetEvents {
  readonly #emitter: Emitter<McpManagerEvents> = new Emitter(
    (thrown, name) => {
      if (name !== 'error') this.#emitter.emit('error', { during: 'listener', error: asFleetError(thrown) });
    },
    (name, wanted) => this.#interest(name, wanted),
  );
  readonly #clients = new Map<McpClient, Following>();
  readonly #wanted = new Set<EventName>();

  on<Name extends EventName>(
    name: Name,
    listener: (event: McpManagerEvents[Name]) => void,
    options?: ListenOptions,
  ): Unsubscribe {
    return this.#emitter.on(name, listener, options);
  }

  off<Name extends EventName>(name: Name, listener: (event: McpManagerEvents[Name]) => void): void {
    this.#emitter.off(name, listener);
  }

  once<Name extends EventName>(name: Name, options?: ListenOptions): Promise<McpManagerEvents[Name]> {
    return this.#emitter.once(name, options);
  }

  emit<Name extends EventName>(name: Name, event: McpManagerEvents[Name]): void {
    this.#emitter.emit(name, event);
  }

  /** Passes on the events of `client` from now on, all or those of `names`. */
  follow(client: McpClient, names?: readonly EventName[]): void {
    this.unfollow(client);
    const following: Following = { names, stops: undefined };
    this.#clients.set(client, following);
    for (const name of this.#wanted) this.#listen(client, following, name);
  }

  unfollow(client: McpClient): void {
    for (const stop of this.#clients.get(client)?.stops?.values() ?? []) stop();
    this.#clients.delete(client);
  }

  #interest(name: EventName, wanted: boolean): void {
    if (wanted) this.#wanted.add(name);
    else this.#wanted.delete(name);
    for (const [client, following] of this.#clients) {
      if (wanted) this.#listen(client, following, name);
      else following.stops?.get(name)?.();
    }
  }

  #listen(client: McpClient, following: Following, name: EventName): void {
    // The manager's own; no client has it.
    if (name === 'servers' || following.names?.includes(name) === false) return;
    const pass = (event: McpClientEvents[typeof name]) => this.#emitter.emit(name, event);
    following.stops ??= new Map();
    following.stops.set(name, client.on(name, pass));
  }
}
