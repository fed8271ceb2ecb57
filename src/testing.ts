export { type FakeServer, fakeServer } from './testing/fake-server.js';
export { type FakeTokenProvider, fakeTokens } from './testing/fake-tokens.js';
export type { Fault, FaultMoment, FaultOptions } from './testing/fault.js';
export type { FakeServerRequest } from './testing/received-request.js';
export type { FakeServerCall } from './testing/tool-calls.js';
