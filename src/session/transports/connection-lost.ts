import { ConnectionError, type Delivery } from '../../core/errors.js';

/** The connection has gone; a new one may do. */
export function connectionLost(
  message: string,
  delivery: Delivery = 'unknown',
  cause?: unknown,
): ConnectionError {
  return new ConnectionError('CONNECTION_LOST', message, { delivery, retryable: true, cause });
}
