import type { RequestId } from '@modelcontextprotocol/sdk/types.js';

const SUBSCRIPTION_ID_KEY = 'io.modelcontextprotocol/subscriptionId';
/** Which part of a filter lets a notification through. */
const FLAGS: Readonly<Record<string, string>> = {
  'notifications/tools/list_changed': 'toolsListChanged',
  'notifications/prompts/list_changed': 'promptsListChanged',
  'notifications/resources/list_changed': 'resourcesListChanged',
};

type Params = Readonly<Record<string, unknown>>;
interface Told {
  readonly method: string;
  readonly params: Params;
}

interface Listener {
  readonly id: RequestId;
  readonly filter: Params;
  send(message: object): void;
  end(reason: Error): void;
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
    let listener: Listener | undefined;
    const leave = () => {
      if (listener !== undefined) this.#open.delete(listener);
    };
    const body = new ReadableStream<Uint8Array>({
      start: (controller) => {
        const meta = { [SUBSCRIPTION_ID_KEY]: id };
        const send = ({ method, params: told }: Told) => {
          const message = { jsonrpc: '2.0', method, params: { ...told, _meta: meta } };
          controller.enqueue(encoder.encode(`event: message\ndata: ${JSON.stringify(message)}\n\n`));
        };
        listener = {
          id,
          filter,
          send: (message) => send(message as Told),
          end: (reason) => controller.error(reason),
        };
        this.#open.add(listener);
        send({ method: 'notifications/subscriptions/acknowledged', params: { notifications: filter } });
        this.#unheard = this.#unheard.filter((told) => {
          const isHeard = lets(filter, told);
          if (isHeard) send(told);
          return !isHeard;
        });
      },
      cancel: leave,
    });
    signal.addEventListener('abort', leave, { once: true });
    return new Response(body, { headers: { 'content-type': 'text/event-stream' } });
  }

  tell(method: string, params: Params): void {
    const told = { method, params };
    const hearing = [...this.#open].filter(({ filter }) => lets(filter, told));
    for (const listener of hearing) listener.send(told);
    if (hearing.length === 0) this.#unheard.push(told);
  }

  close(reason: Error): void {
    for (const { end } of this.#open) end(reason);
    this.#open.clear();
    this.#unheard = [];
  }
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
