import { uuidv7 } from '@anime/event-store';
import { MemoryLog } from '@anime/event-store/memory';
import { expect, it } from '@jest/globals';
import { OpenWork } from '../domain/open-work/open-work.js';
import { SCHEDULER } from '../testing/studio.js';
import { Leadership } from './leadership.js';

it('a process that cannot begin a term says so after some tries, and no more once it has begun to read anew', async () => {
  const log = new MemoryLog();
  await log.putRaw({ subject: `anime.scheduler.${SCHEDULER}.orchestrator`, data: 'not read' });
  let mayLead = true;
  const leadership = new Leadership({
    log,
    schedulerId: SCHEDULER,
    leader: uuidv7(),
    mayLead: () => mayLead,
    now: () => new Date(),
  });
  const work = new OpenWork(SCHEDULER);
  for (let tries = 1; tries <= 5; tries += 1) {
    expect(leadership.trouble).toBeNull();
    expect(await leadership.epoch(work)).toBeUndefined();
  }
  expect(leadership.trouble).toMatch(/cannot begin a term/);
  mayLead = false; // another one leads: what this one cannot do troubles nobody
  expect(leadership.trouble).toBeNull();
  mayLead = true;
  expect(leadership.trouble).toMatch(/cannot begin a term/);
  leadership.reset();
  expect(leadership.trouble).toBeNull();
});
