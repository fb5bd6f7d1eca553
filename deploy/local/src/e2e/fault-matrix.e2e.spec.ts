import { promptIdOf } from '@anime/event-store';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { FaultArena, SILENCE_MS } from '../testing/fault-matrix/arena.js';
import { cellsOf, type Cell } from '../testing/fault-matrix/cells.js';

const CELLS = cellsOf(SILENCE_MS);
const trails = new Map<Cell, string>();

let arena: FaultArena;
beforeAll(async () => {
  arena = await FaultArena.start(CELLS);
}, 180_000);
afterAll(async () => {
  await arena[Symbol.asyncDispose]();
  process.stdout.write(`${table()}\n`);
}, 60_000);

/** One cell a line; those that did not come to their end say so. */
function table(): string {
  const lines = [
    ['fault', 'at', 'POSTs', 'trail'],
    ...CELLS.map((cell) => [cell.fault, cell.at, `${posts(cell)}`, trails.get(cell) ?? 'has not ended']),
  ];
  const widths = [0, 1, 2].map((column) => Math.max(...lines.map((line) => line[column]?.length ?? 0)));
  return lines.map((line) => line.map((text, column) => text.padEnd(widths[column] ?? 0)).join(' | ')).join('\n');
}

/** How often the server of the cell was given a prompt. */
function posts(cell: Cell): number {
  return arena.stand(cell).server.counters.promptsPosted;
}

describe.each(CELLS.map((cell) => ({ name: `${cell.fault}, ${cell.at}`, cell })))('$name', ({ cell }) => {
  it('struck, and the log tells all that followed', async () => {
    const trail = await arena.endOf(cell);
    trails.set(cell, trail);
    const { server, jobId } = arena.stand(cell);
    if (cell.strikes !== undefined) expect(server.counters.faultsStruck[cell.strikes]).toBe(1);
    if (cell.isUsedUp !== undefined) expect(cell.isUsedUp(server.faults)).toBe(true);
    expect(trail).toBe(cell.trail);
    expect(posts(cell)).toBe(cell.posts);
    expect(server.counters.promptsExecuted[promptIdOf(jobId, 1)] ?? 0).toBeLessThanOrEqual(cell.posts);
  }, 180_000);
});

describe('afterwards', () => {
  it('nothing more was said of any job', async () => {
    for (const [cell, trail] of trails) expect(await arena.trail(cell)).toBe(trail);
  });
});
