export { clientCredentials } from './auth/client-credentials.js';
export type { ClientCredentialsOptions } from './auth/client-credentials-options.js';
export { staticToken } from './auth/static-token.js';
export { tokenExchange } from './auth/token-exchange.js';
export type { TokenExchangeOptions } from './auth/token-exchange-options.js';
export type { AccessToken, TokenContext, TokenKeyContext, TokenProvider } from './auth/token-provider.js';
export type { CallOptions, ListOptions, RequestOptions } from './calls/call-options.js';
export type { CircuitBreakerOptions, CircuitState } from './calls/circuit-breaker.js';
export type { CallContext, CallHandler, CallInterceptor } from './calls/interceptors.js';
export type { CacheOptions } from './calls/result-cache.js';
export type { RetryOptions } from './calls/retry.js';
export type { ToolCall } from './calls/tool-call.js';
export type { McpClientEvents, ServerEvent } from './client/events.js';
export type { HealthCheckOptions } from './client/health-check.js';
export { McpClient } from './client/mcp-client.js';
export type {
  CustomServerConfig,
  HttpServerConfig,
  ServerConfig,
  ServerDefaults,
  SettingsContext,
  SettingsFunction,
  StdioServerConfig,
  WebSocketServerConfig,
} from './client/server-config.js';
export type { ServerView } from './client/server-view.js';
export type { ServerSnapshot } from './client/snapshot.js';
export type { ServerStatus } from './client/status.js';
export type { ListenOptions, Unsubscribe } from './core/emitter.js';
export {
  AuthError,
  CircuitOpenError,
  ConfigError,
  ConnectionError,
  type ConnectionErrorCode,
  type Delivery,
  McpFleetError,
  type McpFleetErrorCode,
  OutcomeUnknownError,
  RemoteError,
  TimeoutError,
  UnknownServerError,
  UnknownToolError,
} from './core/errors.js';
export type { Identity } from './core/identity.js';
export type { Logger } from './core/logger.js';
export type {
  CallOutcome,
  ConnectReport,
  Fleet,
  FleetPrompt,
  FleetResource,
  FleetResourceTemplate,
  FleetTool,
  FleetToolCall,
  ListReport,
  ManagerSnapshot,
  McpManagerEvents,
  ServerFailure,
  ServerFilter,
  ServersDiff,
} from './manager/fleet.js';
export { McpManager, type McpManagerOptions } from './manager/mcp-manager.js';
export type { HandlerContext, SamplingHandler, ServerRequestHandlers } from './session/session.js';
