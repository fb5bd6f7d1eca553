import { spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import path from 'node:path';
import { createInterface } from 'node:readline';
import { setTimeout as delay } from 'node:timers/promises';
import { SERVICES } from '@anime/contracts';
import { startNatsServer, startPostgres } from '@anime/embedded-servers';
import { atMost } from '../figure.js';
import { family, totalPss } from '../memory.js';
import type { BenchContext, BenchRow } from '../row.js';
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
    context.step('first start, which makes the database');
    await (await startStack(dataDir)).stop();
    const seconds: number[] = [];
    const bytes: number[] = [];
    for (let start = 1; start <= starts; start += 1) {
      context.step(`warm start ${start} of ${starts}`);
      const stack = await startStack(dataDir);
      seconds.push(stack.seconds);
      if (start === starts) {
        context.step('waiting for it to be idle');
        await delay(context.quick ? QUIET_MS / 5 : QUIET_MS);
        const size = await totalPss(await family(stack.pid));
        if (size !== undefined) bytes.push(size);
      }
      await stack.stop();
    }
    context.step('the same servers and processes without the product');
    const bare = await bareParts(context);
    return [
      {
        what: 'ready, warm',
        unit: 's',
        value: best(seconds, 'less'),
        baseline: { what: 'the two databases alone', value: bare.seconds },
        budgets: [atMost(10)],
      },
      {
        what: 'memory (PSS), everything',
        unit: 'MiB',
        value: bytes.length === 0 ? null : best(bytes, 'less') / MIB,
        baseline:
          bare.bytes === undefined
            ? null
            : { what: `the two databases and ${NODE_PROCESSES} empty Node processes`, value: bare.bytes / MIB },
        budgets: [atMost(1.5 * 1024)],
        ...(bytes.length === 0 ? { note: 'this system has no /proc/<pid>/smaps_rollup: measure on Linux' } : {}),
      },
    ];
  },
};

interface RunningStack {
  readonly pid: number;
  readonly seconds: number;
  stop(): Promise<void>;
}

/** `npm start` without npm, up to its "The studio is up." */
async function startStack(dataDir: string): Promise<RunningStack> {
  const began = performance.now();
  const env = { ...process.env };
  for (const name of ['COMFYUI_URLS', 'NATS_URL', 'DATABASE_URL']) delete env[name];
  const door = path.join(ROOT, 'deploy', 'local', 'bootstrap.mjs');
  const child = spawn(process.execPath, [door, 'start', '--free-ports', '--data-dir', dataDir], {
    cwd: ROOT,
    env,
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  const lines: string[] = [];
  const up = Promise.withResolvers<number>();
  createInterface({ input: child.stdout }).on('line', (line) => {
    lines.push(line);
    if (line.startsWith('The studio is up.')) up.resolve((performance.now() - began) / 1000);
  });
  child.on('exit', () => up.reject(new Error(`the stack ended while it started:\n${lines.join('\n')}`)));
  const seconds = await up.promise;
  return { pid: child.pid ?? -1, seconds, stop: () => end(child) };
}

async function end(child: ChildProcess): Promise<void> {
  const ended = once(child, 'exit');
  child.kill('SIGTERM');
  await ended;
}

/** What would run anyway: the databases, and as many Node processes that do nothing. */
async function bareParts(context: BenchContext): Promise<{ seconds: number; bytes: number | undefined }> {
  const dataDir = path.join(context.dir, 'bare');
  await (await startPostgres({ dataDir })).stop();
  const began = performance.now();
  await using nats = await startNatsServer();
  await using stack = new AsyncDisposableStack();
  const postgres = await startPostgres({ dataDir });
  stack.defer(() => postgres.stop());
  const seconds = (performance.now() - began) / 1000;
  const empty = Array.from({ length: NODE_PROCESSES }, () =>
    spawn(process.execPath, ['-e', 'setInterval(() => {}, 1000)'], { stdio: 'ignore' }),
  );
  for (const child of empty) stack.defer(() => end(child));
  await delay(1_000);
  const pids = await Promise.all([nats.pid, postgres.pid, ...empty.map(({ pid }) => pid ?? -1)].map(family));
  return { seconds, bytes: await totalPss(pids.flat()) };
}
