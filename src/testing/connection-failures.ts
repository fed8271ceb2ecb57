/** As Node's `fetch` rejects when nobody listens. */
export function connectionRefused(): TypeError {
  return fetchFailed('ECONNREFUSED', 'connect ECONNREFUSED');
}

/** As Node's `fetch`, or the body of its response, breaks with the connection. */
export function connectionReset(): TypeError {
  return fetchFailed('ECONNRESET', 'read ECONNRESET');
}

function fetchFailed(code: string, message: string): TypeError {
  return new TypeError('fetch failed', { cause: Object.assign(new Error(message), { code }) });
}
