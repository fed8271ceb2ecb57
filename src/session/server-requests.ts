import type { Client } from '@modelcontextprotocol/sdk/client/index.js';
import {
  type ClientCapabilities,
  CreateMessageRequestSchema,
  ElicitRequestSchema,
  ErrorCode,
  ListRootsRequestSchema,
  LoggingMessageNotificationSchema,
  McpError,
  PromptListChangedNotificationSchema,
  ResourceListChangedNotificationSchema,
  ResourceUpdatedNotificationSchema,
  ToolListChangedNotificationSchema,
} from '@modelcontextprotocol/sdk/types.js';
import { asFleetError } from '../core/errors.js';
import type { HandlerContext, ServerRequestHandlers, SessionObserver } from './session.js';

/** Requests of one server that are answered at the same time. */
const MAX_PARALLEL = 20;

/** Only what there is a handler for is offered to the server. */
export function capabilitiesOf(handlers: ServerRequestHandlers): ClientCapabilities {
  return {
    ...(handlers.elicitation && { elicitation: { form: {}, url: {} } }),
    ...(handlers.sampling && { sampling: {} }),
    ...(handlers.roots && { roots: {} }),
  };
}

export function answerServerRequests(
  client: Client,
  {
    server,
    handlers,
    observer,
  }: { server: string; handlers: ServerRequestHandlers; observer: SessionObserver },
): void {
  let underWay = 0;
  /** A handler's own error is the host's business: the server learns only that there is no answer. */
  const isolated = async <Result>(
    answer: (context: HandlerContext) => Promise<Result>,
    signal: AbortSignal,
  ) => {
    if (underWay >= MAX_PARALLEL)
      throw new McpError(ErrorCode.InternalError, 'Too many requests at the same time');
    underWay++;
    try {
      return await answer({ server, signal });
    } catch (error) {
      if (!signal.aborted) observer.error(asFleetError(error));
      throw new McpError(ErrorCode.InternalError, 'The client could not answer this request');
    } finally {
      underWay--;
    }
  };
  const { elicitation, sampling, roots } = handlers;
  if (elicitation !== undefined) {
    client.setRequestHandler(ElicitRequestSchema, ({ params }, { signal }) =>
      isolated((context) => elicitation(params, context), signal),
    );
  }
  if (sampling !== undefined) {
    client.setRequestHandler(CreateMessageRequestSchema, ({ params }, { signal }) =>
      isolated((context) => sampling(params, context), signal),
    );
  }
  if (roots !== undefined) {
    client.setRequestHandler(ListRootsRequestSchema, (_request, { signal }) =>
      isolated(async (context) => ({ roots: [...(await roots(context))] }), signal),
    );
  }
}

export function forwardNotifications(client: Client, observer: SessionObserver): void {
  client.setNotificationHandler(LoggingMessageNotificationSchema, ({ params }) => observer.log(params));
  client.setNotificationHandler(ResourceUpdatedNotificationSchema, ({ params }) =>
    observer.resourceUpdated(params.uri),
  );
  client.setNotificationHandler(ToolListChangedNotificationSchema, () => observer.listChanged('tools'));
  client.setNotificationHandler(ResourceListChangedNotificationSchema, () =>
    observer.listChanged('resources'),
  );
  client.setNotificationHandler(PromptListChangedNotificationSchema, () => observer.listChanged('prompts'));
}
