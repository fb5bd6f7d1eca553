import { describe, expect, it } from '@jest/globals';
import { Uuid } from '@anime/contracts';
import {
  deadLetterIdOf,
  deriveId,
  executorIdOf,
  promptIdOf,
  schedulerIdOf,
  studioId,
  workflowIdOf,
} from './derived-ids.js';
import { uuidv7 } from './ids.js';

const PARENT = '6ba7b810-9dad-11d1-80b4-00c04fd430c8';

describe('derived ids', () => {
  it('are UUIDv5 of the parts joined by a slash', () => {
    // The DNS namespace and name of RFC 9562, appendix A.4.
    expect(deriveId(PARENT, 'www.example.com')).toBe('2ed6657d-e927-568b-95e1-2665a8aea6a2');
    expect(deriveId(PARENT, 'a', 'b')).toBe(deriveId(PARENT, 'a/b'));
  });

  it('stay what they are, as the log is full of them', () => {
    expect(studioId('studio')).toBe('cb98fe1d-b27e-5590-8e8c-517dc5c17aae');
  });

  it('are all different and lower-case', () => {
    const ids = [
      studioId('s'),
      executorIdOf('s', 'x'),
      executorIdOf('t', 'x'),
      workflowIdOf('s', 'x'),
      schedulerIdOf('s'),
      promptIdOf(PARENT, 1),
      promptIdOf(PARENT, 2),
      deadLetterIdOf('a', PARENT),
      deadLetterIdOf('b', PARENT),
    ];
    expect(new Set(ids).size).toBe(ids.length);
    for (const id of ids) expect(Uuid.safeParse(id).success).toBe(true);
  });
});

describe('uuidv7', () => {
  it('makes ids whose text order is the order in which they were made', () => {
    const ids = Array.from({ length: 1000 }, () => uuidv7());
    expect(ids.toSorted()).toEqual(ids);
    expect(ids[0]?.[14]).toBe('7');
  });
});
