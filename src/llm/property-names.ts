import { createHash } from 'node:crypto';
import { VENDOR_LIMITS } from './vendor-limits.js';

const SAFE = /^[A-Za-z0-9_.-]+$/;
const HASH_LENGTH = 10;

/**
 * A property's name in the letters and the length that Anthropic takes, which refuses the whole request for any
 * other. The same name always becomes the same one.
 */
export function safePropertyName(name: string): string {
  const maxLength = VENDOR_LIMITS.anthropic.propertyNameLength;
  if (name.length <= maxLength && SAFE.test(name)) return name;
  const hash = createHash('sha256').update(name).digest('hex').slice(0, HASH_LENGTH);
  return `${name.replace(/[^A-Za-z0-9_.-]/g, '_').slice(0, maxLength - HASH_LENGTH - 1)}_${hash}`;
}
