import { describe, expect, it } from '@jest/globals';
import fc from 'fast-check';
import sharp from 'sharp';
import { insertPngText, readPngText } from './png-text.js';
import { pythonJson } from './python-json.js';

const picture = (): Promise<Buffer> =>
  sharp({ create: { width: 3, height: 2, channels: 3, background: '#123456' } })
    .png()
    .toBuffer();

describe('PNG text chunks', () => {
  it('are read back as written, in a picture that decodes to the same pixels', async () => {
    const png = await picture();
    const marked = insertPngText(png, { prompt: '{"a": 1}', workflow: '"row-17"' });
    expect(readPngText(marked)).toEqual({ prompt: '{"a": 1}', workflow: '"row-17"' });
    expect(await sharp(marked).raw().toBuffer()).toEqual(await sharp(png).raw().toBuffer());
    const { comments } = await sharp(marked).metadata();
    expect(comments?.map(({ text }) => text)).toEqual(['{"a": 1}', '"row-17"']);
  });

  it('carry any JSON as ASCII that parses to the same value', async () => {
    const png = await picture();
    fc.assert(
      fc.property(fc.jsonValue(), (value) => {
        const text = pythonJson(value);
        expect(text).toMatch(/^[ -~]*$/);
        expect(JSON.parse(readPngText(insertPngText(png, { prompt: text }))['prompt']!)).toEqual(
          JSON.parse(JSON.stringify(value)),
        );
      }),
    );
  });

  it('refuse what PNG cannot hold', async () => {
    const png = await picture();
    expect(() => insertPngText(png, { prompt: '日本' })).toThrow(RangeError);
    expect(() => insertPngText(png, { '': 'x' })).toThrow(RangeError);
  });
});

describe('pythonJson', () => {
  it('writes separators and escapes as json.dumps does', () => {
    expect(pythonJson({ a: [1, 'é☃'], b: null })).toBe('{"a": [1, "\\u00e9\\u2603"], "b": null}');
  });
});
