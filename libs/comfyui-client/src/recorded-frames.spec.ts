import { readFileSync } from 'node:fs';
import { describe, expect, it } from '@jest/globals';
import fc from 'fast-check';
import { z } from 'zod';
import { parseBinaryFrame } from './binary-frame.js';
import { executionError } from './execution-error.js';
import { isPromptMessage, parseServerMessage } from './server-message.js';

const fixture = (name: string): unknown =>
  JSON.parse(readFileSync(new URL(`../fixtures/${name}.json`, import.meta.url), 'utf8'));

/** One frame of each shape that the recordings have. */
const recorded = z
  .object({
    text: z.array(z.looseObject({ type: z.string() })),
    binary: z.array(
      z.object({
        event_type: z.number(),
        head_hex: z.string(),
        metadata: z.record(z.string(), z.unknown()).optional(),
        metadata_len: z.number().optional(),
        node_id: z.string().optional(),
        text: z.string().optional(),
      }),
    ),
  })
  .parse(fixture('recorded-frames'));

/** Recordings hold the first 32 bytes; the rest is known where it is no picture. */
function whole({ event_type, head_hex, metadata, metadata_len: length, node_id, text }: (typeof recorded.binary)[0]) {
  const head = Buffer.from(head_hex, 'hex');
  if (text !== undefined) return Buffer.concat([head.subarray(0, 8), Buffer.from(`${node_id}${text}`)]);
  if (event_type !== 4) return head;
  // As Python writes it, with a space after each comma and colon.
  const json = `{${Object.entries(metadata ?? {})
    .map(([key, value]) => `${JSON.stringify(key)}: ${JSON.stringify(value)}`)
    .join(', ')}}`;
  expect(json.length).toBe(length);
  const frame = Buffer.concat([head.subarray(0, 8), Buffer.from(json), Buffer.from('ffd8ffe0', 'hex')]);
  expect(frame.subarray(0, 32).toString('hex')).toBe(head_hex);
  return frame;
}

describe('recorded text frames', () => {
  it.each(recorded.text)('are read: $type', (frame) => {
    const isOfAnExtension = frame.type.startsWith('assets.');
    expect(parseServerMessage(JSON.stringify(frame))).toEqual(isOfAnExtension ? undefined : frame);
  });

  it('of a whole run keep their prompt', () => {
    const frames = z.array(z.looseObject({ type: z.string() })).parse(fixture('recorded-sampling-frames'));
    for (const frame of frames) {
      const message = parseServerMessage(JSON.stringify(frame));
      expect(message).toEqual(frame);
      expect(message !== undefined && isPromptMessage(message)).toBe(frame.type !== 'status');
    }
  });

  it('without a prompt are no message about one', () => {
    const late = parseServerMessage('{"type":"executing","data":{"node":"2"}}');
    expect(late).toEqual({ type: 'executing', data: { node: '2' } });
    expect(late !== undefined && isPromptMessage(late)).toBe(false);
  });

  it('that no server of ours sends are passed over', () => {
    expect(parseServerMessage('hello')).toBeUndefined();
    expect(parseServerMessage('{"type":"crystools.monitor","data":{"cpu":1}}')).toBeUndefined();
    expect(parseServerMessage('{"type":"progress","data":{"prompt_id":7}}')).toBeUndefined();
    expect(parseServerMessage('[NaN]')).toBeUndefined();
  });

  it('tell a blocked node, which is not the end, from one that raised', () => {
    const errors = recorded.text
      .map((frame) => parseServerMessage(JSON.stringify(frame)))
      .filter((message) => message?.type === 'execution_error');
    const blocked = errors.filter((message) => message?.data.exception_type === 'ExecutionBlocked');
    expect(errors.length).toBeGreaterThan(1);
    expect(blocked).toMatchObject([{ data: { node_type: 'PreviewImage', current_inputs: [] } }]);
  });
});

describe('executionError', () => {
  it('tells the inputs of the failed node as the server prints them', () => {
    const told = recorded.text
      .filter(({ type }) => type === 'execution_error')
      .map((frame) => executionError(z.looseObject({ data: z.record(z.string(), z.unknown()) }).parse(frame).data));
    const [withInputs] = told.filter(({ currentInputs }) => Object.keys(currentInputs).length > 0);
    expect(withInputs).toMatchObject({ nodeId: '2', nodeType: 'TestSyncError', exceptionType: 'RuntimeError' });
    expect(
      Object.values(withInputs?.currentInputs ?? {})
        .flat()
        .every((text) => typeof text === 'string'),
    ).toBe(true);
  });

  it('cuts a printed tensor', () => {
    const { currentInputs } = executionError({ current_inputs: { image: ['x'.repeat(9_999), 7], cfg: 8 } });
    expect(currentInputs['image']?.[0]).toHaveLength(1_000);
    expect(currentInputs).toMatchObject({ image: [expect.any(String), '7'], cfg: ['8'] });
  });
});

describe('recorded binary frames', () => {
  it('are previews with and without a prompt, results, and texts', () => {
    expect(recorded.binary.map((frame) => parseBinaryFrame(whole(frame)))).toMatchObject([
      { kind: 'image', mediaType: 'image/jpeg' },
      {
        kind: 'attributed-image',
        promptId: '4bb3e424-e8db-4296-a64b-eb23686612d1',
        nodeId: '3',
        displayNodeId: '3',
        mediaType: 'image/jpeg',
        bytes: Buffer.from('ffd8ffe0', 'hex'),
      },
      { kind: 'text', nodeId: '2', text: 'width: 64, height: 64\n batch size: 1' },
      { kind: 'image', mediaType: 'image/png' },
      { kind: 'attributed-image', nodeId: '2', mediaType: 'image/png' },
    ]);
  });

  it.each([
    '',
    '00',
    '00000001',
    '0000000100000007ff',
    '0000000900000001ff',
    '00000004000000ff7b',
    '00000003ffffffff32',
  ])('that are cut short or of an unknown kind are passed over: %s', (hex) =>
    expect(parseBinaryFrame(Buffer.from(hex, 'hex'))).toBeUndefined(),
  );

  it('of any bytes are read or passed over, never an error', () => {
    fc.assert(
      fc.property(fc.integer({ min: 0, max: 5 }), fc.uint8Array({ maxLength: 64 }), (event, rest) => {
        const frame = parseBinaryFrame(Buffer.concat([Buffer.from([0, 0, 0, event]), rest]));
        expect(frame === undefined || typeof frame.kind === 'string').toBe(true);
      }),
    );
  });
});
