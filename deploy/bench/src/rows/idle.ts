import { spawn, type ChildProcess, type SpawnOptions } from 'node:child_process';
import { once } from 'node:events';
import path from 'node:path';
import { createInterface } from 'node:readline';
import { setTimeout as delay } from 'node:timers/promises';
import { SERVICES } from '@anime/contracts';
import { startNatsServer, startPostgres, withParentDeath } from '@anime/embedded-servers';
import { atMost } from '../figure.js';
import { family, totalPss } from '../memory.js';
import type { BenchRow } from '../row.js';
import { best } from '../statistics.js';
import { ROOT } from '../studio.js';

const MIB = 2 ** 20;
/** What was only needed for the start is given back by then. */
const QUIET_MS = 10_000;
/** The six services, the simulator, the launcher and its door. */
const NODE_PROCESSES = SERVICES.length + 3;

export const idle: BenchRow = {
  name: 'idle',
  about: 'the local stack (npm start) with an empty log: until it is ready, and its memory',
  run: async (context) => {
    const starts = context.quick ? 1 : 3;
    const dataDir = path.join(context.dir, 'data');
    const bareDir = path.join(context.dir, 'bare');
    context.step('first start, which makes the databases');
    await (await startStack(dataDir))[Symbol.asyncDispose]();
    await (await startPostgres({ dataDir: bareDir })).stop();
    const seconds = { product: [] as number[], bare: [] as number[] };
    let bytes: number | undefined;
    for (let start = 1; start <= starts; start += 1) {
      context.step(`warm start ${start} of ${starts}`);
      await using stack = await startStack(dataDir);
      seconds.product.push(stack.seconds);
      if (start === starts) {
        context.step('waiting for it to be idle');
        await delay(context.quick ? QUIET_MS / 5 : QUIET_MS);
        bytes = await memoryOf(stack.pids);
      }
      await stack[Symbol.asyncDispose]();
      await using servers = await startServers(bareDir);
      seconds.bare.push(servers.seconds);
    }
    context.step('the same servers and processes without the product');
    const bareBytes = await bareMemory(bareDir);
    return [
      {
        what: 'ready, warm',
        unit: 's',
        value: best(seconds.product, 'less'),
        baseline: { what: 'the two databases alone', value: best(seconds.bare, 'less') },
        budgets: [atMost(10)],
      },
      {
        what: 'memory (PSS), everything',
        unit: 'MiB',
        value: bytes === undefined ? null : bytes / MIB,
        baseline:
          bareBytes === undefined
            ? null
            : { what: `the two databases and ${NODE_PROCESSES} empty Node processes`, value: bareBytes / MIB },
        budgets: [atMost(1.5 * 1024)],
        ...(bytes === undefined ? { note: 'this system has no /proc/<pid>/smaps_rollup: measure on Linux' } : {}),
      },
    ];
  },
};

interface Running extends AsyncDisposable {
  /** Of what was started here; they have started others. */
  readonly pids: readonly number[];
  readonly seconds: number;
}

/** `npm start` without npm, up to its "The studio is up." */
async function startStack(dataDir: string): Promise<Running> {
  const began = performance.now();
  const env = { ...process.env };
  for (const name of ['COMFYUI_URLS', 'NATS_URL', 'DATABASE_URL']) delete env[name];
  const door = path.join(ROOT, 'deploy', 'local', 'bootstrap.mjs');
  const child = start([door, 'start', '--free-ports', '--data-dir', dataDir], {
    cwd: ROOT,
    env,
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  const lines: string[] = [];
  const up = Promise.withResolvers<number>();
  if (child.stdout === null) throw new Error('the stack has no output');
  createInterface({ input: child.stdout }).on('line', (line) => {
    lines.push(line);
    if (line.startsWith('The studio is up.')) up.resolve((performance.now() - began) / 1000);
  });
  child.on('exit', () => up.reject(new Error(`the stack ended while it started:\n${lines.join('\n')}`)));
  const seconds = await up.promise;
  return { pids: [child.pid ?? -1], seconds, [Symbol.asyncDispose]: () => end(child) };
}

/** A Node process that ends with this one. */
function start(args: readonly string[], options: SpawnOptions): ChildProcess {
  const call = withParentDeath('TERM', process.execPath, args);
  return spawn(call.command, call.args, options);
}

async function end(child: ChildProcess): Promise<void> {
  if (child.exitCode !== null || child.signalCode !== null) return;
  const ended = once(child, 'exit');
  child.kill('SIGTERM');
  await ended;
}

/** The two databases, one after the other as the stack starts them. */
async function startServers(dataDir: string): Promise<Running> {
  await using made = new AsyncDisposableStack();
  const began = performance.now();
  const nats = made.use(await startNatsServer());
  const postgres = made.use(await startPostgres({ dataDir }));
  const seconds = (performance.now() - began) / 1000;
  const kept = made.move();
  return { pids: [nats.pid, postgres.pid], seconds, [Symbol.asyncDispose]: () => kept.disposeAsync() };
}

/** What would run anyway: the databases, and as many Node processes that do nothing. */
async function bareMemory(dataDir: string): Promise<number | undefined> {
  await using servers = await startServers(dataDir);
  await using stack = new AsyncDisposableStack();
  const empty = Array.from({ length: NODE_PROCESSES }, () => {
    const child = start(['-e', 'setInterval(() => {}, 1000)'], { stdio: 'ignore' });
    stack.defer(() => end(child));
    return child.pid ?? -1;
  });
  await delay(1_000);
  return await memoryOf([...servers.pids, ...empty]);
}

/** Of these processes and all that came from them. */
async function memoryOf(pids: readonly number[]): Promise<number | undefined> {
  return await totalPss((await Promise.all(pids.map(family))).flat());
}
