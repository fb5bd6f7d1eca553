import { describe, expect, it } from '@jest/globals';
import { MsgHdrsImpl } from '@nats-io/nats-core/internal';
import fc from 'fast-check';
import { readHeaders } from './header-block.js';

/** What the NATS client makes of a block; undefined when it throws. */
function byTheClient(block: Uint8Array): [string, string | undefined][] | undefined {
  try {
    return [...MsgHdrsImpl.decode(block)].map(([key, values]) => [key, values[0]]);
  } catch {
    return undefined;
  }
}

function byUs(block: Uint8Array): [string, string][] | undefined {
  try {
    return [...readHeaders(block)];
  } catch {
    return undefined;
  }
}

const part = fc.oneof(
  fc.constantFrom(
    'ce-id',
    'Ce-Id',
    'ce-type',
    ':',
    ': ',
    '\r\n',
    '\r',
    '\n',
    ' ',
    '\t',
    'NATS/1.0',
    '503 none',
    'é',
    '\0',
    '',
  ),
  fc.string({ unit: 'binary', maxLength: 4 }),
);
const text = fc
  .array(part, { maxLength: 20 })
  .map((parts) => new TextEncoder().encode(`NATS/1.0\r\n${parts.join('')}`));
const blocks = fc.oneof(
  text,
  text.map((block) => block.subarray(5)),
  fc.uint8Array({ maxLength: 60 }),
);

describe('the headers of a stored message', () => {
  it('are what the NATS client reads, and refused where it refuses them', () => {
    fc.assert(
      fc.property(blocks, (block) => expect(byUs(block)).toEqual(byTheClient(block))),
      { numRuns: 2_000 },
    );
  });

  it('have the first value of each name', () => {
    const block = new TextEncoder().encode('NATS/1.0\r\nce-id: first \r\nce-id:second\r\nCE-ID:\r\n\r\n');
    expect([...readHeaders(block)]).toEqual([
      ['ce-id', 'first'],
      ['CE-ID', ''],
    ]);
  });
});
