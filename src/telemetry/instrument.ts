import type { Meter, Tracer } from '@opentelemetry/api';
import type { Unsubscribe } from '../core/emitter.js';
import { ConfigError } from '../core/errors.js';
import type { McpManager } from '../manager/mcp-manager.js';
import { traceCalls } from './call-spans.js';
import { recordMetrics } from './fleet-metrics.js';
import { startOnce } from './start-once.js';

export interface InstrumentOptions {
  /** Takes the metrics. @default that of the global provider, also of one that is registered later */
  meter?: Meter;
  /** Takes the spans. @default that of the global provider, also of one that is registered later */
  tracer?: Tracer;
}

/**
 * OpenTelemetry spans and metrics for every call of a manager's servers, present and future, with the names of the
 * GenAI semantic conventions for MCP. Servers get the trace context in `_meta`. Arguments, results, URIs and texts of
 * errors are never recorded. To instrument a manager again for the same meter or tracer records nothing twice.
 * @returns ends it; once for each call of `instrument`.
 * @throws {ConfigError}
 */
export function instrument(manager: McpManager, options: InstrumentOptions = {}): Unsubscribe {
  const { meter, tracer } = options;
  if (!(manager?.clients instanceof Map)) throw new ConfigError('manager', 'expected an McpManager');
  check('meter', meter, 'createHistogram');
  check('tracer', tracer, 'startSpan');
  const stops = [
    startOnce(manager, tracer ?? 'global tracer', () => traceCalls(manager, tracer)),
    startOnce(manager, meter ?? 'global meter', () => recordMetrics(manager, meter)),
  ];
  return () => {
    for (const stop of stops) stop();
  };
}

function check(option: string, value: object | undefined, method: string): void {
  if (value === undefined || typeof (value as Record<string, unknown>)?.[method] === 'function') return;
  throw new ConfigError(`options.${option}`, `expected an object with ${method}()`);
}
