const { clientCredentials, McpManager } = require('mcp-fleet');
const { fakeServer } = require('mcp-fleet/testing');

async function main() {
  const server = fakeServer((mcp) => {
    mcp.registerTool('greet', {}, () => ({ content: [{ type: 'text', text: 'hello' }] }));
  });
  const tokenUrl = 'https://tokens.test/token';
  const fetch = async (url, init) =>
    String(url) === tokenUrl
      ? Response.json({ access_token: 'a-token', token_type: 'Bearer', expires_in: 3600 })
      : server.config.fetch(url, init);
  const auth = clientCredentials({ clientId: 'app', clientSecret: 'secret', tokenUrl });

  const manager = new McpManager({ servers: { demo: { ...server.config, fetch, auth } } });
  const result = await manager.callTool({ name: 'demo__greet' });
  console.log(result.content[0].text);
  await manager.close();
  await server[Symbol.asyncDispose]();
}

void main();
