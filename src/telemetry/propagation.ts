import { type Context, propagation, type SpanContext, trace } from '@opentelemetry/api';
import type { RequestMeta } from '../calls/call-observer.js';

/** The keys that MCP sets aside for trace context (SEP-414); what another propagator writes is not for `_meta`. */
const KEYS = ['traceparent', 'tracestate', 'baggage'] as const;

/** W3C Baggage section 3.3.2 and 4.3: what all must be able to pass on. */
const MAX_BAGGAGE_ENTRIES = 64;
const MAX_BAGGAGE_BYTES = 8_192;

/** `given` with the trace context of `context`. A caller who gives one in `_meta` knows better. */
export function withTraceContext(context: Context, given: RequestMeta | undefined): RequestMeta | undefined {
  if (given?.traceparent !== undefined) return given;
  const carrier: Record<string, string> = {};
  if (propagation.fields().length > 0) propagation.inject(context, carrier);
  else injectW3C(context, carrier);
  const meta: Record<string, unknown> = {};
  for (const key of KEYS) if (carrier[key]) meta[key] = carrier[key];
  if (Object.keys(meta).length === 0) return given;
  return given === undefined ? meta : { ...meta, ...given };
}

/** In the W3C formats, which are those of MCP, where the application has not configured any. */
function injectW3C(context: Context, carrier: Record<string, string>): void {
  const span = trace.getSpanContext(context);
  if (span !== undefined) carrier.traceparent = traceparent(span);
  const state = span?.traceState?.serialize();
  if (state !== undefined) carrier.tracestate = state;
  const baggage = serializedBaggage(context);
  if (baggage !== undefined) carrier.baggage = baggage;
}

/** W3C Trace Context section 3.2. */
function traceparent({ traceId, spanId, traceFlags }: SpanContext): string {
  return `00-${traceId}-${spanId}-${(traceFlags & 0xff).toString(16).padStart(2, '0')}`;
}

/** W3C Baggage section 3.2. Entries that do not fit are left out. */
function serializedBaggage(context: Context): string | undefined {
  const entries = propagation.getBaggage(context)?.getAllEntries() ?? [];
  let text = '';
  for (const [key, { value, metadata }] of entries.slice(0, MAX_BAGGAGE_ENTRIES)) {
    const properties = metadata === undefined ? '' : `;${metadata.toString()}`;
    const entry = `${encodeURIComponent(key)}=${encodeURIComponent(value)}${properties}`;
    const longer = text === '' ? entry : `${text},${entry}`;
    if (Buffer.byteLength(longer) <= MAX_BAGGAGE_BYTES) text = longer;
  }
  return text === '' ? undefined : text;
}
