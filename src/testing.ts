export {
  type DescribeTokenProviderOptions,
  describeTokenProvider,
} from './testing/describe-token-provider.js';
export { type FakeServer, fakeServer } from './testing/fake-server.js';
export { type FakeTokenProvider, fakeTokens } from './testing/fake-tokens.js';
export type { FakeServerCall } from './testing/tool-calls.js';
