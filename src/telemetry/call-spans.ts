import {
  type Attributes,
  type Context,
  context,
  diag,
  isSpanContextValid,
  type Span,
  SpanKind,
  SpanStatusCode,
  type Tracer,
  trace,
} from '@opentelemetry/api';
import type { CallObservation, RequestMeta, RequestObservation } from '../calls/call-observer.js';
import type { CallReport, CallSubject } from '../calls/call-runner.js';
import { INSTRUMENTATION } from '../client/instrumentation.js';
import type { Unsubscribe } from '../core/emitter.js';
import type { McpManager } from '../manager/mcp-manager.js';
import { ATTEMPTS, CACHED, errorType, isRequest, rpcStatusCode, SCOPE, titleOf } from './attributes.js';
import { eachClient } from './each-client.js';
import { withTraceContext } from './propagation.js';
import { ServerAttributes } from './server-attributes.js';

/** A span of kind CLIENT for every call, from the caller's call to its result, all attempts included. */
export function traceCalls(manager: McpManager, tracer: Tracer = trace.getTracer(...SCOPE)): Unsubscribe {
  return eachClient(manager, (client) => {
    const server = new ServerAttributes(client);
    const stop = client[INSTRUMENTATION]().observe({
      begin(subject) {
        if (!isRequest(subject)) return undefined;
        return harmless(() => CallSpan.start(tracer, subject, server), undefined);
      },
    });
    return () => {
      stop();
      server.stop();
    };
  });
}

class CallSpan implements CallObservation {
  readonly #span: Span;
  readonly #context: Context;
  readonly #subject: CallSubject;
  readonly #server: ServerAttributes;
  /** What was known of the server at the beginning. */
  readonly #known: Attributes;
  #request: Parameters<RequestObservation['sent']>[0] | undefined;

  private constructor(span: Span, context: Context, subject: CallSubject, server: ServerAttributes) {
    this.#span = span;
    this.#context = context;
    this.#subject = subject;
    this.#server = server;
    this.#known = server.current;
  }

  /** `undefined` where nobody listens, and there is no trace to pass on. */
  static start(tracer: Tracer, subject: CallSubject, server: ServerAttributes): CallSpan | undefined {
    const callers = context.active();
    const options = { kind: SpanKind.CLIENT, attributes: server.ofCall(subject) };
    const span = tracer.startSpan(titleOf(subject), options, callers);
    if (!isSpanContextValid(span.spanContext())) return undefined;
    return new CallSpan(span, trace.setSpan(callers, span), subject, server);
  }

  run<Result>(work: () => Promise<Result>): Promise<Result> {
    return context.with(this.#context, work);
  }

  meta(given: RequestMeta | undefined): RequestMeta | undefined {
    return harmless(() => withTraceContext(this.#context, given), given);
  }

  sent(request: Parameters<RequestObservation['sent']>[0]): void {
    // A tool call may need the list of tools first.
    if (request.method === this.#subject.method) this.#request = request;
  }

  end(report: CallReport): void {
    harmless(() => this.#end(report), undefined);
  }

  #end(report: CallReport): void {
    const span = this.#span;
    if (span.isRecording()) {
      if (this.#server.current !== this.#known) span.setAttributes(this.#server.current);
      span.setAttributes(this.#outcome(report));
      // A tool that does not exist may have any name.
      if (report.error?.code === 'UNKNOWN_TOOL') span.updateName(report.method);
      // Without a description: the words of servers may repeat arguments and URIs.
      if (report.outcome !== 'ok') span.setStatus({ code: SpanStatusCode.ERROR });
    }
    span.end();
  }

  #outcome(report: CallReport): Attributes {
    const error = errorType(report);
    const status = rpcStatusCode(report);
    const { id, sessionId } = this.#request ?? {};
    return {
      ...(error !== undefined && { 'error.type': error }),
      ...(status !== undefined && { 'rpc.response.status_code': status }),
      ...(id !== undefined && { 'jsonrpc.request.id': String(id) }),
      ...(sessionId !== undefined && { 'mcp.session.id': sessionId }),
      ...(report.attempts > 1 && { [ATTEMPTS]: report.attempts }),
      ...(report.cached && { [CACHED]: true }),
    };
  }
}

/** Telemetry that fails, for example in a span processor, must not fail the call. */
function harmless<Result>(work: () => Result, otherwise: Result): Result {
  try {
    return work();
  } catch (thrown) {
    diag.error('mcp-fleet: a span could not be recorded', thrown);
    return otherwise;
  }
}
