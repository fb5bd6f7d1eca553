import { spawn, spawnSync, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { mkdir, mkdtemp, readdir, readFile, rm, stat } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { FsBlobStore } from '@anime/blob-store';
import { JobOrganisedV1, ORGANIZER_DURABLE } from '@anime/contracts';
import { withParentDeath } from '@anime/embedded-servers';
import { createDurable, openLog, provision, type JetStreamLog } from '@anime/event-store';
import { eventsOf, executedOutput } from '@anime/event-store/testing';
import { eventually, replaceByPipe, spawnService, useNats } from '@anime/testing';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from '@jest/globals';
import { appendExecutedJob } from './testing/executed-job.js';
import { noisePng, png } from './testing/pictures.js';

const ENTRY = path.join(import.meta.dirname, '..', 'dist', 'main.js');
const nats = useNats();
let natsUrl: string;
let log: JetStreamLog;
let root: string;
let blobs: FsBlobStore;

beforeAll(async () => {
  natsUrl = (await nats.server()).url;
  await provision({ natsUrl, durables: [] });
  // A short ack wait, so that what a killed process held comes back at once.
  await createDurable(ORGANIZER_DURABLE.name, { natsUrl, from: 'start', ackWaitMs: 1_000 });
  log = openLog({ natsUrl, name: 'test' });
});
afterAll(async () => log.close());

beforeEach(async () => {
  root = await mkdtemp(path.join(tmpdir(), 'anime-organizer-'));
  blobs = new FsBlobStore(path.join(root, 'blobs'));
  await mkdir(path.join(root, 'library'));
});
afterEach(async () => rm(root, { recursive: true, force: true }));

function environment(): Record<string, string> {
  return {
    NATS_URL: natsUrl,
    PORT: '0',
    LOG_LEVEL: 'warn',
    ANIME_BLOBS_DIR: path.join(root, 'blobs'),
    ANIME_LIBRARY_DIR: path.join(root, 'library'),
  };
}

const organised = (jobId: string) => eventsOf(log, JobOrganisedV1, jobId);

async function filesBelow(folder: string): Promise<string[]> {
  const entries = await readdir(folder, { recursive: true, withFileTypes: true });
  return entries.filter((entry) => !entry.isDirectory()).map((entry) => path.join(entry.parentPath, entry.name));
}

describe('the file-organizer process', () => {
  it('killed in the middle of a file leaves half of it to nobody, and files it once after its restart', async () => {
    const picture = await noisePng(200, 200);
    const blob = await blobs.put(picture);
    const pipe = await replaceByPipe(path.join(root, 'blobs'), blob.sha256);
    await using service = await spawnService({ entry: ENTRY, env: environment() });
    const executed = await appendExecutedJob(log, [executedOutput(blob)]);
    const writing = await pipe.opened();
    await writing.write(picture.subarray(0, 50_000));
    const incoming = path.join(root, 'library', '.incoming');
    await eventually(
      async () => {
        const [half] = await filesBelow(incoming);
        return half !== undefined && (await stat(half)).size > 0;
      },
      { what: 'half a file is staged' },
    );
    await service.kill('SIGKILL');
    await writing.close();
    expect(await filesBelow(path.join(root, 'library'))).toHaveLength(1);

    await rm(pipe.file);
    await blobs.put(picture);
    await service.restart();
    const [fact] = await eventually(
      async () => {
        const facts = await organised(executed.aggregateId);
        return facts.length > 0 && facts;
      },
      { what: 'the attempt is organised' },
    );
    const paths = (fact?.data.files ?? []).map((placed) => path.join(root, 'library', placed.path));
    expect((await filesBelow(path.join(root, 'library'))).toSorted()).toEqual(paths.toSorted());
    expect(Buffer.compare(await readFile(paths[0] ?? ''), picture)).toBe(0);

    // Another job through the same process: when it is done, a second fact of the first would have come.
    const next = await appendExecutedJob(log, [executedOutput(await blobs.put(await png(9, 9)))]);
    await eventually(async () => (await organised(next.aggregateId)).length > 0, {
      what: 'the next attempt is organised',
    });
    expect(await organised(executed.aggregateId)).toHaveLength(1);
    expect(await service.stop()).toEqual({ code: 0, signal: null });
  }, 60_000);

  it('on a full disk says so, keeps nothing half written, and files what fits', async () => {
    const tooLarge = await blobs.put(await noisePng(400, 400));
    const fitting = await blobs.put(await noisePng(220, 220));
    const { child, output } = startOnSmallDisk();
    try {
      await eventually(() => output().includes('"ready":true'), { what: 'the process listens' });
      const large = await appendExecutedJob(log, [executedOutput(tooLarge)]);
      await eventually(() => /storage-failed.*(ENOSPC|EFBIG)|(ENOSPC|EFBIG).*storage-failed/.test(output()), {
        what: 'the full disk is named',
      });
      // It takes most of the disk: there is room only because what had filled it is gone.
      const small = await appendExecutedJob(log, [executedOutput(fitting)]);
      const [fact] = await eventually(
        async () => {
          const facts = await organised(small.aggregateId);
          return facts.length > 0 && facts;
        },
        { what: 'the fitting output is organised' },
      );
      expect(fact?.data.files[0]).toMatchObject({ sha256: fitting.sha256, size: fitting.size });
      expect(await organised(large.aggregateId)).toEqual([]);
    } finally {
      child.kill('SIGKILL');
      await once(child, 'exit');
    }
  }, 60_000);
});

/**
 * The process with a library on a file system of its own of 256 KiB where a mount is allowed (as root, or in a user
 * namespace), else with a limit on the size of files: in each case the write itself fails in the kernel.
 */
function startOnSmallDisk(): { readonly child: ChildProcess; readonly output: () => string } {
  const library = path.join(root, 'library');
  const mount = `mount -t tmpfs -o size=256k tmpfs "${library}"`;
  const run = `exec "${process.execPath}" "${ENTRY}"`;
  const ways = [
    { command: 'unshare', options: ['--mount', 'sh', '-c'], prepare: mount },
    { command: 'unshare', options: ['--user', '--map-root-user', '--mount', 'sh', '-c'], prepare: mount },
    { command: 'sh', options: ['-c'], prepare: 'ulimit -f 400' },
  ];
  const way = ways.find(({ command, options, prepare }) => spawnSync(command, [...options, prepare]).status === 0);
  if (way === undefined) throw new Error('neither mounts nor limits are allowed here');
  const { command, args } = withParentDeath('KILL', way.command, [...way.options, `${way.prepare} && ${run}`]);
  const child = spawn(command, args, { env: { ...process.env, ...environment() }, stdio: ['ignore', 'pipe', 'pipe'] });
  let text = '';
  for (const stream of [child.stdout, child.stderr]) stream.on('data', (chunk: Buffer) => (text += chunk.toString()));
  return { child, output: () => text };
}
