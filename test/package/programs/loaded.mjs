// Loads the given modules and prints the names of all packages and Node modules that are loaded then.
import { Session } from 'node:inspector';
import { createRequire } from 'node:module';

const [how, ...modules] = process.argv.slice(2);
const names = new Set();
const session = new Session();
session.connect();
// The debugger sees every script: ESM, CommonJS and those inside Node.
session.on('Debugger.scriptParsed', ({ params: { url } }) => {
  const name = /^node:\w+$/.exec(url)?.[0] ?? /.*\/node_modules\/((?:@[^/]+\/)?[^/]+)/.exec(url)?.[1];
  if (name !== undefined) names.add(name);
});
session.post('Debugger.enable');

const require = createRequire(import.meta.url);
for (const name of modules) {
  if (how === 'require') require(name);
  else await import(name);
}
console.log(JSON.stringify([...names]));
