import { test } from 'vitest';
import { configJsonSchema } from '../../../src/config/json-schema.js';
import { parseConfig } from '../../../src/config/parse.js';

test('x', () => {
  const s = configJsonSchema();
  console.log(JSON.stringify(s).length, JSON.stringify(s, null, 1).slice(0, 9000));
  const t = (i: unknown, env = {}) => {
    try {
      console.log(parseConfig(i, { env }));
    } catch (e) {
      console.log(String(e));
    }
  };
  t({ mcpServers: { a: { url: 'http://x', heders: {} } } });
  t({ mcpServers: { a: { url: 'http://x', headers: { a: 1 } } } });
  t({ mcpServers: { a: { url: '${X}' } } });
  t({ mcpServers: { a: { url: '${X}' } } }, { X: 'sekret' });
  t({ mcpServers: { a: { command: 'x', url: 'http://x' } } });
  t({ mcpServers: { a: { command: 'x', auth: { type: 'static', token: 'a' } } } });
  t({ mcpServers: { a: { url: 'http://x', auth: { type: 'sttic', token: 'a' } } } });
  t({ mcpServers: { a: { url: 'http://x', auth: { type: 'static', tokn: 'a', token: 'x' } } } });
  t(
    {
      mcpServers: {
        a: {
          url: 'http://x',
          auth: {
            type: 'client_credentials',
            clientId: 'x',
            clientSecret: '${S}',
            tokenURL: 'https://x/token',
          },
        },
      },
    },
    { S: 'sss' },
  );
  t(
    {
      mcpServers: {
        a: {
          url: 'http://x',
          auth: {
            type: 'client_credentials',
            clientId: 'x',
            clientSecret: '${S}',
            tokenUrl: 'http://x/token',
          },
        },
      },
    },
    { S: 'sss' },
  );
  t(
    {
      mcpServers: {
        a: {
          url: 'http://x',
          auth: {
            type: 'client_credentials',
            clientId: 'x',
            clientSecret: '${S}',
            tokenUrl: 'https://x/token',
          },
        },
      },
    },
    { S: 'sss' },
  );
  t([
    {
      name: 'my_server',
      url: 'http://x',
      timeout: 5,
      headers: [{ key: 'a', value: 'b' }],
      oauth2_client_id: 'a',
      oauth2_client_secret: 'b',
      oauth2_token_url: 'https://x/t',
      oauth2_scopes: 'a b',
      oauth2_token: null,
    },
  ]);
  t([{ name: 'my_server', url: 'http://x', oauth2_client_id: 'a', oauth2_client_secret: 'b' }]);
  t([{ name: 'my_server', url: 'http://x', retry: { atempts: 1 } }]);
  t({ mcpServer: {} });
  t('{"a": 1}');
  t(null);
  t({ servers: {}, mcpServers: {} });
  t({ servers: {}, foo: 1 });
  t({ mcpServers: { 'a b': {} } });
  t({ mcpServers: { a: {} } });
  t({ mcpServers: { a: { type: 'htp', url: 'http://x' } } });
});
