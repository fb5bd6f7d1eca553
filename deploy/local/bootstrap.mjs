// The door of the repository: `node deploy/local/bootstrap.mjs <command>`, which npm start, test, run demo and run anime
// call. Plain JavaScript without packages, for any Node ≥ 20: it installs and builds what is missing and then goes on
// with the Node 24 that the lock file pins.
import { spawn, spawnSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import fs from 'node:fs';
import path from 'node:path';
import { fileURLToPath } from 'node:url';
import { OPTIONS } from './options.mjs';

const ROOT = path.resolve(path.dirname(fileURLToPath(import.meta.url)), '..', '..');
const STATE = path.join(ROOT, '.anime');
const MODULES = path.join(ROOT, 'node_modules');
const TIERS = ['spec', 'int', 'e2e'];

const USAGE = {
  demo: `npm run demo [-- options]

Starts the local stack, makes a picture and a short animation, prints where they lie, stops everything.`,
  start: `npm start [-- options]

Starts the local stack and keeps it up. Ctrl-C stops it.`,
  test: `npm test [-- [--tier=spec,int,e2e] [pattern ...]]

Runs every tier of tests (spec: pure, int: real nats-server and PostgreSQL, e2e: several services), or only files whose
path matches a pattern. Exit code 1 when any test fails; the last line is the total.`,
  anime: `npm run anime -- <command>

The command line of a running studio. npm run anime -- --help lists its commands.`,
  bench: `npm run bench [-- options]

Measures the product against its budgets. npm run bench -- --help lists its options.`,
  install: `node deploy/local/bootstrap.mjs install

Only installs and builds what is missing.`,
};

const SURROUNDINGS = `
Environment: COMFYUI_URLS (your ComfyUI servers instead of the simulator), ANIME_CHECKPOINT (the file name of the
checkpoint that they use), NATS_URL and DATABASE_URL (your servers instead of the embedded ones).`;

class Refusal extends Error {}

await main(process.argv[2] ?? '', process.argv.slice(3)).catch((error) => {
  if (!(error instanceof Refusal)) throw error;
  console.error(error.message);
  process.exitCode = 1;
});

async function main(command, args) {
  if (!(command in USAGE)) {
    const asked = ['', '-h', '--help', 'help'].includes(command);
    const text = `Usage: node deploy/local/bootstrap.mjs <${Object.keys(USAGE).join('|')}> [args]`;
    if (!asked) throw new Refusal(`Unknown command: ${command}\n${text}`);
    return console.log(`${text}\n\n${Object.values(USAGE).join('\n\n')}\n${SURROUNDINGS}`);
  }
  const hasOwnHelp = command === 'anime' || command === 'bench';
  if (!hasOwnHelp && args.some((arg) => arg === '--help' || arg === '-h')) {
    return console.log(`Usage: ${USAGE[command]}${command in OPTIONS ? `${optionLines(command)}${SURROUNDINGS}` : ''}`);
  }
  if (Number(process.versions.node.split('.')[0]) < 20) {
    throw new Refusal(`This needs Node ≥ 20 to start (it installs its own Node 24); here is ${process.version}.`);
  }
  if (command !== 'anime' && command !== 'install') checkPlatform();
  const release = await lockPreparation();
  try {
    await installIfNeeded();
    await build();
  } finally {
    release();
  }
  if (command === 'test') await test(args);
  if (command === 'demo' || command === 'start')
    await becomeNode('deploy/local/dist/main.js', [command, ...args], ROOT);
  // A path that a user gives is meant from where the user stands, not from where npm went.
  if (command === 'bench') await becomeNode('deploy/bench/dist/main.js', args, process.env.INIT_CWD ?? process.cwd());
  if (command === 'anime') await becomeNode('services/cli/dist/main.js', args, process.env.INIT_CWD ?? process.cwd());
}

function optionLines(command) {
  const lines = OPTIONS[command].map(({ flags, meaning, fallback }) => {
    return `  ${flags.padEnd(21)} ${meaning}${fallback === false ? '' : ` (default: ${fallback})`}\n`;
  });
  return `\n\n${lines.join('')}`;
}

/** The embedded servers are there for Linux x64; elsewhere the machine must bring them. */
function checkPlatform() {
  if (process.platform === 'linux' && process.arch === 'x64') return;
  const nats = process.env.NATS_URL !== undefined || spawnSync('nats-server', ['--version']).status === 0;
  const node = pinnedPackage() !== undefined || Number(process.versions.node.split('.')[0]) >= 24;
  if (nats && node) return;
  throw new Refusal(
    `On ${process.platform} ${process.arch} this needs Node ≥ 24 and a nats-server ≥ 2.11 on PATH or NATS_URL.`,
  );
}

// --- Install -----------------------------------------------------------------------------------------------------

async function installIfNeeded() {
  const lock = fs.readFileSync(path.join(ROOT, 'package-lock.json'));
  const wanted = createHash('sha256').update(lock).update(`${process.platform} ${process.arch}`).digest('hex');
  const record = path.join(MODULES, '.anime-lock');
  if (readText(record) === wanted) return;
  if (isInstalled(JSON.parse(lock))) {
    // Somebody ran npm install: the same packages are there, only our record is missing.
    fs.writeFileSync(record, wanted);
    return;
  }
  const npm = npmCommand();
  await runQuietly('Installing packages', [...npm, 'ci', '--no-audit', '--no-fund', '--loglevel=warn'], {
    log: 'install.log',
    env: { ...process.env, PATH: pathWithoutModules(), ONNXRUNTIME_NODE_INSTALL: 'skip' },
    advice:
      'Check the network and the free disk space (1.5 GB), then run the same command again. ' +
      'Behind a proxy or with a registry of your own, set npm config https-proxy or registry first.',
  });
  fs.writeFileSync(record, wanted);
}

/** Whether npm's own record of node_modules has every package of the lock, apart from those for other platforms. */
function isInstalled(lock) {
  const hidden = readText(path.join(MODULES, '.package-lock.json'));
  if (hidden === undefined) return false;
  const present = JSON.parse(hidden).packages;
  return Object.entries(lock.packages).every(([name, entry]) => {
    if (!name.includes('node_modules/')) return true; // the root and the workspaces themselves
    const found = present[name];
    if (found === undefined) return entry.optional === true || entry.devOptional === true;
    return found.version === entry.version;
  });
}

/** npm, run by the Node outside node_modules: `npm ci` deletes the one inside while it runs. */
function npmCommand() {
  const { npm_execpath: script, npm_node_execpath: node } = process.env;
  if (script !== undefined && node !== undefined && /npm-cli\.c?js$/.test(script) && !node.startsWith(MODULES)) {
    return [node, script];
  }
  const probe = spawnSync('npm', ['--version'], { env: { ...process.env, PATH: pathWithoutModules() } });
  if (probe.status !== 0) throw new Refusal('This needs npm (it comes with Node: https://nodejs.org).');
  return ['npm'];
}

function pathWithoutModules() {
  const parts = (process.env.PATH ?? '').split(path.delimiter);
  return parts.filter((part) => !part.split(path.sep).includes('node_modules')).join(path.delimiter);
}

// --- Build -------------------------------------------------------------------------------------------------------

async function build() {
  const command = [pinnedNode(), path.join(MODULES, '.bin', 'nx'), 'run-many', '-t', 'build', '--nx-bail'];
  await runQuietly('Building', [...command, '--output-style=static'], {
    log: 'build.log',
    env: pinnedEnvironment(),
    advice: 'The sources do not compile: correct what is named above.',
  });
}

function pinnedPackage() {
  const folder = path.join(MODULES, `node-${process.platform}-${process.arch}`, 'bin', 'node');
  return fs.existsSync(folder) ? folder : undefined;
}

function pinnedNode() {
  const node = pinnedPackage();
  if (node !== undefined) return node;
  if (Number(process.versions.node.split('.')[0]) >= 24) return process.execPath;
  throw new Refusal(`On ${process.platform} ${process.arch} this needs Node ≥ 24; here is ${process.version}.`);
}

/** Children find the pinned Node under the name `node`, and Nx starts nothing in the background. */
function pinnedEnvironment() {
  const folders = [path.dirname(pinnedNode()), path.join(MODULES, '.bin'), process.env.PATH ?? ''];
  return { ...process.env, PATH: folders.join(path.delimiter), NX_DAEMON: 'false', NX_TUI: 'false' };
}

// --- Tests -------------------------------------------------------------------------------------------------------

async function test(args) {
  const chosen =
    args
      .find((arg) => arg.startsWith('--tier='))
      ?.slice('--tier='.length)
      .split(',') ?? TIERS;
  const unknown = chosen.find((tier) => !TIERS.includes(tier));
  if (unknown !== undefined) throw new Refusal(`Unknown tier: ${unknown}. There are ${TIERS.join(', ')}.`);
  const patterns = args.filter((arg) => !arg.startsWith('--tier='));
  const results = path.join(STATE, 'test-results');
  fs.rmSync(results, { recursive: true, force: true });
  let [passed, failed] = [0, 0];
  for (const tier of TIERS.filter((name) => chosen.includes(name))) {
    heading(`Tests: ${tier}`);
    const totals = path.join(results, `${tier}.json`);
    // A test command that was asked for runs its tests, so no cache; the build is done already.
    const flags = ['--skip-nx-cache', '--exclude-task-dependencies', '--output-style=stream-without-prefixes'];
    const nx = [path.join(MODULES, '.bin', 'nx'), 'run', `anime:${tier}`, ...flags];
    const extra = patterns.length === 0 ? [] : ['--', ...patterns];
    const env = { ...pinnedEnvironment(), ANIME_TEST_TOTALS: totals };
    if (!process.stdout.isTTY) env.FORCE_COLOR = '0'; // Nx would force colours into a log file
    const { code } = await follow(spawn(pinnedNode(), [...nx, ...extra], { cwd: ROOT, stdio: 'inherit', env }));
    const counted = JSON.parse(readText(totals) ?? '{"passed":0,"failed":0}');
    passed += counted.passed;
    // A tier that fails without a failed test (no memory, a broken set-up) still counts.
    failed += code !== 0 && counted.failed === 0 ? 1 : counted.failed;
  }
  if (passed + failed === 0) throw new Refusal(`No test file matches ${patterns.join(' ')}\n0 passed, 0 failed`);
  fs.mkdirSync(results, { recursive: true });
  fs.writeFileSync(path.join(results, 'summary.txt'), `${passed} passed, ${failed} failed\n`);
  console.log(`\n${passed} passed, ${failed} failed`);
  process.exitCode = failed === 0 ? 0 : 1;
}

// --- Processes ---------------------------------------------------------------------------------------------------

/** Goes on as another program: its output, its exit code, its end by a signal. */
async function becomeNode(script, args, cwd) {
  const entry = path.join(ROOT, script);
  if (!fs.existsSync(entry)) throw new Refusal(`${script} is missing although the build succeeded.`);
  const child = spawn(pinnedNode(), ['--enable-source-maps', entry, ...args], {
    cwd,
    stdio: 'inherit',
    env: pinnedEnvironment(),
  });
  const { code, signal } = await follow(child);
  if (signal !== null) process.kill(process.pid, signal);
  process.exitCode = code ?? 1;
}

/**
 * Waits for the child and passes signals on. Ctrl-C in a terminal reaches the child by itself (one process group), and
 * a second SIGINT would mean "at once", so only without a terminal is SIGINT passed on.
 */
async function follow(child) {
  const pass = (signal) => {
    if (signal !== 'SIGINT' || !process.stdin.isTTY) child.kill(signal);
  };
  const signals = ['SIGINT', 'SIGTERM', 'SIGHUP'];
  for (const signal of signals) process.on(signal, pass);
  try {
    return await new Promise((resolve, reject) => {
      child.once('error', reject);
      child.once('exit', (code, signal) => resolve({ code, signal }));
    });
  } finally {
    for (const signal of signals) process.off(signal, pass);
  }
}

/** Runs a step with its output in a file. Only when it fails is the end of that shown, and what to do next. */
async function runQuietly(title, [command, ...args], { log, env, advice }) {
  fs.mkdirSync(STATE, { recursive: true });
  const file = path.join(STATE, log);
  const output = fs.openSync(file, 'w');
  const started = Date.now();
  const seconds = () => Math.round((Date.now() - started) / 1000);
  const terminal = process.stderr.isTTY === true;
  // Said only when it takes long enough to be noticed; where there is no terminal, once and then once a minute.
  const timer = setInterval(
    () => {
      process.stderr.write(terminal ? `\r${title} … ${seconds()} s ` : `${title} … ${seconds()} s\n`);
    },
    terminal ? 1000 : 60_000,
  );
  if (!terminal) process.stderr.write(`${title} …\n`);
  const { code } = await follow(spawn(command, args, { cwd: ROOT, stdio: ['ignore', output, output], env }))
    .catch((error) => {
      fs.writeSync(output, `${error.message}\n`);
      return { code: 1 };
    })
    .finally(() => {
      clearInterval(timer);
      fs.closeSync(output);
    });
  if (terminal && seconds() > 0)
    process.stderr.write(`\r${title}: ${code === 0 ? 'done' : 'failed'} (${seconds()} s)\n`);
  if (code === 0) return;
  const noise = /EBADENGINE|^npm warn|^> |^- @anime|^\s*$/i;
  const lines = (readText(file) ?? '').split('\n').filter((line) => !noise.test(line));
  throw new Refusal(`${lines.slice(-40).join('\n')}\n\n${title} failed. ${advice}\nThe whole log: ${file}`);
}

/** One process at a time installs and builds in a checkout; another waits. Returns what ends the claim. */
async function lockPreparation() {
  fs.mkdirSync(STATE, { recursive: true });
  const file = path.join(STATE, 'prepare.lock');
  const mine = identity(process.pid);
  let told = false;
  for (;;) {
    try {
      fs.writeFileSync(file, mine, { flag: 'wx' });
      return () => fs.rmSync(file, { force: true });
    } catch (error) {
      if (error.code !== 'EEXIST') throw error;
    }
    const holder = readText(file);
    if (holder !== undefined && isStale(file, holder)) {
      removeStale(file, holder);
      continue;
    }
    if (!told)
      process.stderr.write(`Waiting for process ${holder?.split(' ')[0] ?? ''}, which is preparing this folder …\n`);
    told = true;
    await new Promise((resolve) => setTimeout(resolve, 250));
  }
}

/** Renamed and not deleted: of several that found the same dead holder, none may remove a newer one's claim. */
function removeStale(file, holder) {
  const aside = `${file}.${process.pid}`;
  try {
    fs.renameSync(file, aside);
    if (readText(aside) !== holder) fs.linkSync(aside, file);
  } catch {
    // Another was faster, which is as good.
  }
  fs.rmSync(aside, { force: true });
}

function isStale(file, holder) {
  const [pid] = holder.split(' ');
  if (pid !== '') return identity(pid) !== holder;
  // Empty: about to be written, unless its writer died in that moment.
  return Date.now() - (fs.statSync(file, { throwIfNoEntry: false })?.mtimeMs ?? Date.now()) > 10_000;
}

/** Process id and, where /proc tells it, start time: after a restart of the machine numbers come again. */
function identity(pid) {
  const stat = readText(`/proc/${pid}/stat`);
  if (stat !== undefined) return `${pid} ${stat.slice(stat.lastIndexOf(')') + 2).split(' ')[19]}`;
  try {
    process.kill(Number(pid), 0);
    return `${pid} `;
  } catch (error) {
    return error.code === 'EPERM' ? `${pid} ` : '';
  }
}

function readText(file) {
  try {
    return fs.readFileSync(file, 'utf8');
  } catch {
    return undefined;
  }
}

function heading(text) {
  console.log(`\n── ${text} ${'─'.repeat(Math.max(0, 76 - text.length))}\n`);
}
