import { z } from 'zod';
import type { CallOptions } from '../calls/call-options.js';
import { check } from './options.js';
import { durationMs } from './server-schema.js';

const signal = z.custom<unknown>((value) => value instanceof AbortSignal, {
  error: 'expected an AbortSignal',
});

const schema = z.looseObject(
  { timeoutMs: durationMs.optional(), maxTotalTimeoutMs: durationMs.optional(), signal: signal.optional() },
  { error: 'expected an object of options' },
);

/** @throws {ConfigError} naming the option that is wrong. */
export function checkCallOptions(options: CallOptions): void {
  const { timeoutMs, maxTotalTimeoutMs } = options;
  // Most calls name neither.
  if (timeoutMs === undefined && maxTotalTimeoutMs === undefined && options.signal === undefined) return;
  check(schema, options, 'options');
}
