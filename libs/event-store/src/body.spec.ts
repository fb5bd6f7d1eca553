import { describe, expect, it } from '@jest/globals';
import { INLINE_BODY_LIMIT } from '@anime/contracts';
import { z } from 'zod';
import { loadBody, spillBody, type BodyBlobs } from './body.js';
import { canonicalJson, sha256Hex } from './canonical-json.js';

function blobs(): BodyBlobs & { readonly held: Map<string, Uint8Array> } {
  const held = new Map<string, Uint8Array>();
  return {
    held,
    put: async (bytes) => {
      held.set(sha256Hex(bytes), bytes);
      return { sha256: sha256Hex(bytes), size: bytes.byteLength };
    },
    get: async (sha256) => held.get(sha256) ?? Promise.reject(new Error(`no ${sha256}`)),
  };
}

describe('canonicalJson', () => {
  it('sorts keys by code units and writes numbers as RFC 8785 does', () => {
    expect(canonicalJson({ b: 1, a: [1e21, 0.1, -0], '\u20ac': null, A: 'é' })).toBe(
      '{"A":"é","a":[1e+21,0.1,0],"b":1,"€":null}',
    );
  });

  it('refuses what JSON cannot say', () => {
    expect(() => canonicalJson(undefined)).toThrow(TypeError);
    expect(() => canonicalJson({ a: Number.NaN })).toThrow();
  });
});

describe('a body', () => {
  const text = (bytes: number): string => 'x'.repeat(bytes - 2); // and two quotes

  it('of up to the limit is carried by the event itself', async () => {
    const store = blobs();
    const value = text(INLINE_BODY_LIMIT);
    expect(await spillBody(value, store)).toEqual({ inline: value });
    expect(store.held.size).toBe(0);
    expect(await loadBody({ inline: value }, store)).toBe(value);
  });

  it('of one byte more is named by the hash of its canonical JSON', async () => {
    const store = blobs();
    const value = { z: text(INLINE_BODY_LIMIT), a: 1 };
    const body = await spillBody(value, store);
    expect(body).toEqual({ blob: sha256Hex(canonicalJson(value)), size: canonicalJson(value).length });
    expect(await loadBody(body, store)).toEqual(value);
    expect(await loadBody(body, store, z.strictObject({ a: z.number(), z: z.string() }))).toEqual(value);
  });

  it('whose blob is not what the event promises is blob-corrupt', async () => {
    const store = blobs();
    const { sha256, size } = await store.put(new TextEncoder().encode('{"a":'));
    await expect(loadBody({ blob: sha256, size }, store)).rejects.toMatchObject({ code: 'blob-corrupt' });
    const body = await spillBody('y'.repeat(INLINE_BODY_LIMIT), store);
    await expect(loadBody<unknown>(body, store, z.strictObject({}))).rejects.toMatchObject({ code: 'blob-corrupt' });
  });
});
