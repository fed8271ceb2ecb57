// Runs the official conformance suites against `client.mjs`, and compares with what is known to pass (`expected.json`).
// `npm run conformance [-- --scenario NAME] [-- --update]`. Ends with 1 when something fails that should pass.
import { execFile } from 'node:child_process';
import { mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { parseArgs, promisify } from 'node:util';

const KITS = ['0.1', '0.2'];
const PARALLEL = 4;
const TIMEOUT_MS = 15_000;
const EXPECTED = new URL('expected.json', import.meta.url);
const CLIENT = fileURLToPath(new URL('client.mjs', import.meta.url));

const { values } = parseArgs({ options: { scenario: { type: 'string' }, update: { type: 'boolean' } } });
const run = promisify(execFile);
const node = await newerNode();
const folder = mkdtempSync(join(tmpdir(), 'conformance-'));

const passed = {};
const failed = [];
for (const kit of KITS) {
  const runs = await runsOf(kit);
  await Promise.all(Array.from({ length: PARALLEL }, () => worker(kit, runs)));
}
rmSync(folder, { recursive: true });

report();
if (values.update) writeFileSync(EXPECTED, `${JSON.stringify(sorted(passed), undefined, 2)}\n`);
else compare(JSON.parse(readFileSync(EXPECTED, 'utf8')));

/** Every scenario of a kit, once for each revision that it is offered for. */
async function runsOf(kit) {
  const { stdout } = await run(node, [cli(kit), 'list']);
  const [, client = ''] = stdout.split('Client scenarios');
  const [listed = ''] = client.split(/\n\n/);
  return [...listed.matchAll(/^ {2}- (\S+) \[(.*)\]$/gm)]
    .filter(([, scenario]) => values.scenario === undefined || scenario === values.scenario)
    .flatMap(([, scenario, revisions]) =>
      revisions.split(',').map((revision) => ({ scenario, revision: revision.trim() })),
    );
}

async function worker(kit, runs) {
  for (let next = runs.shift(); next !== undefined; next = runs.shift()) {
    const { scenario, revision } = next;
    const checks = await checksOf(kit, scenario, revision);
    const faults = checks.filter(({ status }) => status === 'FAILURE');
    const row = `${kit} ${revision}`;
    passed[row] ??= {};
    passed[row][scenario] = checks.length > 0 && faults.length === 0;
    if (checks.length === 0) failed.push({ row, scenario, why: 'nothing was checked' });
    for (const { id, errorMessage = '' } of faults)
      failed.push({ row, scenario, why: `${id}: ${errorMessage}` });
  }
}

async function checksOf(kit, scenario, revision) {
  const output = mkdtempSync(join(folder, 'run-'));
  const options = ['--command', `${process.execPath} ${CLIENT}`, '--timeout', TIMEOUT_MS, '-o', output];
  // Extensions belong to no revision.
  const version = /^\d/.test(revision) ? ['--spec-version', revision] : [];
  await run(node, [cli(kit), 'client', '--scenario', scenario, ...options, ...version]).catch(() => {});
  const [results] = readdirSync(output, { recursive: true }).filter((path) => path.endsWith('checks.json'));
  return results === undefined ? [] : JSON.parse(readFileSync(join(output, results), 'utf8'));
}

function report() {
  for (const [row, scenarios] of Object.entries(sorted(passed))) {
    const all = Object.entries(scenarios);
    const isAuth = ([name]) => name.startsWith('auth/');
    const share = (entries) => `${entries.filter(([, isPassed]) => isPassed).length}/${entries.length}`;
    const [protocol, auth] = [all.filter((entry) => !isAuth(entry)), all.filter(isAuth)];
    console.log(`${row}: protocol ${share(protocol)}, auth ${share(auth)}`);
    for (const [name, isPassed] of protocol) console.log(`  ${isPassed ? 'passed' : 'FAILED'}  ${name}`);
  }
  const shown =
    values.scenario === undefined ? failed.filter(({ scenario }) => !scenario.startsWith('auth/')) : failed;
  for (const { row, scenario, why } of shown) console.log(`${row} ${scenario}: ${why.slice(0, 300)}`);
}

function compare(expected) {
  const lost = Object.entries(expected).flatMap(([row, scenarios]) =>
    Object.entries(scenarios)
      .filter(([name, isPassed]) => isPassed && passed[row]?.[name] !== true)
      .filter(([name]) => values.scenario === undefined || name === values.scenario)
      .map(([name]) => `${row} ${name}`),
  );
  for (const one of lost) console.error(`No longer passes: ${one}`);
  process.exitCode = lost.length === 0 ? 0 : 1;
}

function sorted(value) {
  if (typeof value !== 'object') return value;
  const entries = Object.entries(value).sort(([a], [b]) => (a < b ? -1 : 1));
  return Object.fromEntries(entries.map(([name, each]) => [name, sorted(each)]));
}

function cli(kit) {
  return fileURLToPath(new URL(`../../node_modules/conformance-${kit}/dist/index.js`, import.meta.url));
}

/** The newer kit needs Node 22. */
async function newerNode() {
  if (Number(process.versions.node.split('.')[0]) >= 22) return process.execPath;
  const name = `node-${process.platform}-${process.arch}`;
  const prefix = fileURLToPath(new URL('../../node_modules/.cache/node-24', import.meta.url));
  const program = join(prefix, 'node_modules', name, 'bin', 'node');
  const isThere = await run(program, ['--version']).then(
    () => true,
    () => false,
  );
  if (!isThere)
    await run('npm', [
      'install',
      '--prefix',
      prefix,
      '--no-audit',
      '--no-fund',
      '--loglevel=error',
      `${name}@24`,
    ]);
  return program;
}
