import type { RequestId } from '@modelcontextprotocol/sdk/types.js';
import { answerOf, eventOf, streamResponse } from './modern-answers.js';
import type { Params } from './modern-request.js';

const SUBSCRIPTION_ID_KEY = 'io.modelcontextprotocol/subscriptionId';
/** Which part of a filter lets a notification through. */
const FLAGS: Readonly<Record<string, string>> = {
  'notifications/tools/list_changed': 'toolsListChanged',
  'notifications/prompts/list_changed': 'promptsListChanged',
  'notifications/resources/list_changed': 'resourcesListChanged',
};

const UPDATED = 'notifications/resources/updated';

interface Told {
  readonly method: string;
  readonly params: Params;
}

interface Listener {
  readonly filter: Params;
  send(told: Told): void;
  end(isGraceful: boolean): void;
}

/** The open `subscriptions/listen` of a fake server of 2026-07-28. */
export class Listeners {
  readonly #open = new Set<Listener>();
  /** What nobody has heard yet: clients listen a moment after they have read. */
  #unheard: Told[] = [];

  /** Answers with the stream. @param described what the server can do */
  open(id: RequestId, params: Params, described: Params, signal: AbortSignal): Response {
    const filter = honoured((params.notifications ?? {}) as Params, (described.capabilities ?? {}) as Params);
    const encoder = new TextEncoder();
    const _meta = { [SUBSCRIPTION_ID_KEY]: id };
    let leave = () => {};
    const body = new ReadableStream<Uint8Array>({
      start: (controller) => {
        const write = (message: object) => controller.enqueue(encoder.encode(eventOf(message)));
        const send = ({ method, params: told }: Told) =>
          write({ jsonrpc: '2.0', method, params: { ...told, _meta } });
        const end = (isGraceful: boolean) => {
          if (isGraceful) write(answerOf(id, { resultType: 'complete', _meta }));
          controller.close();
        };
        const listener: Listener = { filter, send, end };
        this.#open.add(listener);
        leave = () => this.#open.delete(listener);
        send({ method: 'notifications/subscriptions/acknowledged', params: { notifications: filter } });
        this.#unheard = this.#unheard.filter((told) => {
          const isHeard = lets(filter, told);
          if (isHeard) send(told);
          return !isHeard;
        });
      },
      cancel: () => leave(),
    });
    signal.addEventListener('abort', () => leave(), { once: true });
    return streamResponse(body);
  }

  tell(method: string, params: Params): void {
    const told = { method, params };
    const hearing = [...this.#open].filter(({ filter }) => lets(filter, told));
    for (const listener of hearing) listener.send(told);
    if (hearing.length === 0) this.#unheard.push(told);
  }

  /** Ends the streams. @param isGraceful whether with an answer, as a server does that shuts down */
  close(isGraceful: boolean): void {
    for (const { end } of this.#open) end(isGraceful);
    this.#open.clear();
    this.#unheard = [];
  }
}

/** Whether a notification is for those who listen. */
export function isNews(method: string): boolean {
  return method === UPDATED || Object.hasOwn(FLAGS, method);
}

function honoured(wanted: Params, capabilities: Params): Params {
  const can = (name: string, what: string) => (capabilities[name] as Params | undefined)?.[what] === true;
  return {
    ...(wanted.toolsListChanged === true && can('tools', 'listChanged') && { toolsListChanged: true }),
    ...(wanted.promptsListChanged === true && can('prompts', 'listChanged') && { promptsListChanged: true }),
    ...(wanted.resourcesListChanged === true &&
      can('resources', 'listChanged') && { resourcesListChanged: true }),
    ...(Array.isArray(wanted.resourceSubscriptions) &&
      can('resources', 'subscribe') && { resourceSubscriptions: wanted.resourceSubscriptions }),
  };
}

function lets(filter: Params, { method, params }: Told): boolean {
  const flag = FLAGS[method];
  if (flag !== undefined) return filter[flag] === true;
  const { resourceSubscriptions: uris } = filter;
  return Array.isArray(uris) && uris.includes(params.uri);
}
