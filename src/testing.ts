export {
  type DescribeTokenProviderOptions,
  describeTokenProvider,
} from './testing/describe-token-provider.js';
export { type FakeServer, fakeServer } from './testing/fake-server.js';
export type { CacheHint, CacheHints, FakeServerOptions } from './testing/fake-server-options.js';
export { type FakeTokenProvider, fakeTokens } from './testing/fake-tokens.js';
export type { Fault, FaultMoment, FaultOptions } from './testing/fault.js';
export type { FakeServerRequest } from './testing/received-request.js';
export { type RecordedServer, type RecordOptions, recordServer } from './testing/record-server.js';
export type { RecordedExchange, RecordedMessage, Recording } from './testing/recording.js';
export { replayServer } from './testing/replay-server.js';
export type { FakeServerCall } from './testing/tool-calls.js';
