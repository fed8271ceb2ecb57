import * as index from 'mcp-fleet';
import * as config from 'mcp-fleet/config';
import * as llm from 'mcp-fleet/llm';
import * as rest from 'mcp-fleet/rest';
import * as telemetry from 'mcp-fleet/telemetry';
import * as testing from 'mcp-fleet/testing';
import { describe, expect, test } from 'vitest';
import { DRAIN_TIMEOUT_MS, SERVER_DEFAULTS } from '../../../src/client/options.js';
import { NEXT_STATUSES } from '../../../src/client/status.js';
import { ERROR_CODES } from '../../../src/core/errors.js';
import { VERSION } from '../../../src/core/version.js';
import { MANAGER_DEFAULTS } from '../../../src/manager/mcp-manager.js';
import { REST_DEFAULTS } from '../../../src/rest/options.js';

/** What is pinned here is public: a change is a change for every user, and belongs into the CHANGELOG. */
describe('the public surface', () => {
  test('of mcp-fleet', () => {
    expect(Object.keys(index).sort()).toMatchInlineSnapshot(`
      [
        "AuthError",
        "CircuitOpenError",
        "ConfigError",
        "ConnectionError",
        "McpClient",
        "McpFleetError",
        "McpManager",
        "OutcomeUnknownError",
        "RemoteError",
        "TimeoutError",
        "UnknownServerError",
        "UnknownToolError",
        "clientCredentials",
        "staticToken",
        "tokenExchange",
      ]
    `);
  });

  test('of mcp-fleet/config', () => {
    expect(Object.keys(config).sort()).toMatchInlineSnapshot(`
      [
        "loadConfig",
        "parseConfig",
        "searchRegistry",
        "serverFromRegistry",
        "watchConfig",
      ]
    `);
  });

  test('of mcp-fleet/llm', () => {
    expect(Object.keys(llm).sort()).toMatchInlineSnapshot(`
      [
        "VENDOR_LIMITS",
        "promptToAISDKMessages",
        "promptToAnthropicMessages",
        "promptToGeminiContents",
        "promptToOpenAIMessages",
        "resourceToAISDKContent",
        "resourceToAnthropicContent",
        "resourceToGeminiParts",
        "resourceToOpenAIContent",
        "resourceToText",
        "resultToText",
        "runAnthropicToolUses",
        "runGeminiFunctionCalls",
        "runOpenAIToolCalls",
        "toAISDKTools",
        "toAnthropicTools",
        "toGeminiTools",
        "toOpenAITools",
      ]
    `);
  });

  test('of mcp-fleet/rest', () => {
    expect(Object.keys(rest).sort()).toMatchInlineSnapshot(`
      [
        "createRestHandler",
        "toFastifyHandler",
        "toKoaMiddleware",
        "toNodeListener",
      ]
    `);
  });

  test('of mcp-fleet/telemetry', () => {
    expect(Object.keys(telemetry)).toEqual(['instrument']);
  });

  test('of mcp-fleet/testing', () => {
    expect(Object.keys(testing).sort()).toMatchInlineSnapshot(`
      [
        "describeTokenProvider",
        "fakeServer",
        "fakeTokens",
        "recordServer",
        "replayServer",
      ]
    `);
  });

  test('of the manager', () => {
    expect(membersOf(index.McpManager)).toMatchInlineSnapshot(`
      [
        "addServer",
        "as",
        "callTool",
        "callTools",
        "client",
        "clients",
        "close",
        "complete",
        "connect",
        "getPrompt",
        "knownTools",
        "knownToolsFor",
        "listPrompts",
        "listResourceTemplates",
        "listResources",
        "listTools",
        "off",
        "on",
        "once",
        "ping",
        "readResource",
        "refreshTokens",
        "removeServer",
        "setServers",
        "snapshot",
        "snapshotFor",
        "subscribeResource",
        "unsubscribeResource",
      ]
    `);
  });

  test('of a client', () => {
    expect(membersOf(index.McpClient)).toMatchInlineSnapshot(`
      [
        "as",
        "callTool",
        "capabilities",
        "close",
        "commonStatus",
        "complete",
        "connect",
        "getPrompt",
        "hasTokenProvider",
        "inherit",
        "instructions",
        "knownTools",
        "knownToolsFor",
        "lastError",
        "listPrompts",
        "listResourceTemplates",
        "listResources",
        "listTools",
        "off",
        "on",
        "once",
        "ping",
        "protocolVersion",
        "readResource",
        "refreshToken",
        "serverInfo",
        "setLogLevel",
        "snapshot",
        "snapshotFor",
        "status",
        "subscribeResource",
        "unsubscribeResource",
      ]
    `);
  });

  test('of the error codes', () => {
    expect(ERROR_CODES).toMatchInlineSnapshot(`
      [
        "INVALID_CONFIG",
        "UNKNOWN_SERVER",
        "UNKNOWN_TOOL",
        "UNSUPPORTED",
        "CLOSED",
        "ABORTED",
        "QUEUE_FULL",
        "CIRCUIT_OPEN",
        "CONNECT_FAILED",
        "CONNECTION_LOST",
        "OUTCOME_UNKNOWN",
        "TIMEOUT",
        "HTTP_ERROR",
        "RATE_LIMITED",
        "PROTOCOL_ERROR",
        "RESPONSE_TOO_LARGE",
        "TOKEN_FAILED",
        "UNAUTHORIZED",
        "FORBIDDEN",
        "REMOTE_ERROR",
      ]
    `);
  });

  test('of the statuses and what may follow each', () => {
    expect(NEXT_STATUSES).toMatchInlineSnapshot(`
      {
        "closed": [],
        "connecting": [
          "ready",
          "reconnecting",
          "failed",
          "closed",
        ],
        "failed": [
          "connecting",
          "closed",
        ],
        "idle": [
          "connecting",
          "closed",
        ],
        "ready": [
          "unhealthy",
          "reconnecting",
          "idle",
          "closed",
        ],
        "reconnecting": [
          "ready",
          "failed",
          "idle",
          "closed",
        ],
        "unhealthy": [
          "ready",
          "reconnecting",
          "idle",
          "closed",
        ],
      }
    `);
  });

  test('of the defaults of a server', () => {
    const { clientInfo, ...others } = SERVER_DEFAULTS;
    expect(clientInfo).toEqual({ name: 'mcp-fleet', version: VERSION });
    expect(others).toMatchInlineSnapshot(`
      {
        "cache": {
          "listTtlMs": 300000,
          "maxEntries": 1000,
          "toolTtlMs": 0,
        },
        "callTimeoutMs": 60000,
        "circuitBreaker": {
          "consecutiveFailures": 5,
          "failureRatio": 0.5,
          "maxOpenMs": 60000,
          "minimumCalls": 10,
          "openMs": 5000,
          "windowMs": 30000,
        },
        "connectTimeoutMs": 10000,
        "healthCheck": {
          "intervalMs": 30000,
          "threshold": 2,
          "timeoutMs": 5000,
        },
        "identityIdleMs": 300000,
        "maxConcurrency": 64,
        "maxIdentities": 1000,
        "maxQueue": 256,
        "maxResponseBytes": 10485760,
        "protocol": "auto",
        "retry": {
          "attempts": 3,
          "baseDelayMs": 100,
          "maxDelayMs": 20000,
        },
        "scope": "auto",
        "trustAnnotations": false,
      }
    `);
  });

  test('of the defaults of a manager', () => {
    expect(MANAGER_DEFAULTS).toMatchInlineSnapshot(`
      {
        "connectConcurrency": 16,
        "drainTimeoutMs": 10000,
      }
    `);
    expect(MANAGER_DEFAULTS.drainTimeoutMs).toBe(DRAIN_TIMEOUT_MS);
  });

  test('of the defaults of the REST door', () => {
    expect(REST_DEFAULTS).toMatchInlineSnapshot(`
      {
        "authorizeTimeoutMs": 10000,
        "basePath": "",
        "bodyTimeoutMs": 10000,
        "maxBodyBytes": 262144,
        "maxServers": 1000,
      }
    `);
  });

  test('each error class has its own name, and is one of ours', () => {
    const classes = Object.entries(index).filter(
      ([name, value]) => typeof value === 'function' && name.endsWith('Error'),
    ) as [string, typeof index.McpFleetError][];
    expect(classes).toHaveLength(10);
    for (const [name, type] of classes) {
      expect(type.prototype.name).toBe(name);
      expect(type.prototype).toBeInstanceOf(index.McpFleetError);
    }
  });
});

function membersOf(type: { prototype: object }): string[] {
  expect(Object.hasOwn(type.prototype, Symbol.asyncDispose)).toBe(true);
  return Object.getOwnPropertyNames(type.prototype)
    .filter((name) => name !== 'constructor')
    .sort();
}
