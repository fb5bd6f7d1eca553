import { mkdir, mkdtemp, readdir, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { afterAll, describe, expect, it } from '@jest/globals';
import { NODE_KINDS } from '../nodes/registry.js';
import { RECORDED_CHECKPOINT } from '../spec-client.js';
import { startSimulator } from '../simulator.js';
import { NOT_REPLAYED, PLANS, type RecordingPlan } from './plans.js';
import { loadRecording, postedClasses } from './recording.js';
import { type Outcome, Replay } from './replay.js';
import { samplePicture } from './upload-form.js';

/** Classes that the recordings post because no server has them. */
const NEVER_SERVED = ['NoSuchNode'];

const names = Object.keys(PLANS);
const summary: string[] = [];

async function replayed(name: string, plan: RecordingPlan): Promise<Outcome> {
  const dataDir = await mkdtemp(join(tmpdir(), 'comfyui-replay-'));
  try {
    for (const [path, content] of Object.entries(plan.files)) {
      await mkdir(dirname(join(dataDir, path)), { recursive: true });
      await writeFile(join(dataDir, path), content === 'picture' ? samplePicture() : content);
    }
    await using simulator = await startSimulator({
      dataDir,
      stepDelayMs: 1,
      checkpoints: [RECORDED_CHECKPOINT],
      previewMethod: 'latent2rgb',
      firstNumber: plan.firstNumber,
    });
    return await new Replay(simulator, await loadRecording(name), plan, dataDir).run();
  } finally {
    await rm(dataDir, { recursive: true, force: true });
  }
}

describe('the simulator answers and tells as the recorded server did', () => {
  afterAll(() => {
    process.stdout.write(`\nReplay of the recordings\n${summary.join('\n')}\n`);
  });

  it.each(names)(
    '%s',
    async (name) => {
      const plan = PLANS[name]!;
      const missing = [...postedClasses(await loadRecording(name))].filter(
        (classType) => !NODE_KINDS.has(classType) && !NEVER_SERVED.includes(classType),
      );
      expect(missing).toEqual([]);
      const outcome = await replayed(name, plan);
      summary.push(
        `${name}: ${outcome.requests} requests replayed, ${outcome.compared} compared; ${outcome.sockets} sockets compared`,
      );
      for (const [what, reasons] of Object.entries({
        'left out': plan.leftOut,
        differs: plan.different,
        'without order': plan.unordered,
        'waited for': plan.settled,
        'events not compared': plan.unheard,
      })) {
        for (const [line, reason] of Object.entries(reasons)) summary.push(`  ${what}: ${line}: ${reason}`);
      }
      expect(outcome.differences).toEqual([]);
      // What no longer differs has to leave the list.
      expect(outcome.unexpectedlyEqual).toEqual([]);
      expect(outcome.compared).toBeGreaterThan(0);
    },
    120_000,
  );

  it('and every recording that is kept is replayed, every other one has its reason', async () => {
    const kept = (await readdir(join(import.meta.dirname, '..', '..', 'recordings'))).map((file) =>
      file.replace('.jsonl', ''),
    );
    expect(kept.sort()).toEqual([...names].sort());
    for (const [name, reason] of Object.entries(NOT_REPLAYED)) {
      expect(names).not.toContain(name);
      summary.push(`${name}: not replayed: ${reason}`);
    }
  });
});
