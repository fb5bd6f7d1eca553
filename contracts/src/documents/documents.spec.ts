import { readdirSync, readFileSync } from 'node:fs';
import { Parser } from '@asyncapi/parser';
import { describe, expect, it } from '@jest/globals';
import { Ajv2020 } from 'ajv/dist/2020.js';
import { z } from 'zod';
import { CATALOGUE, createCatalogue, defineEvent } from '../index.js';
import { brokenReleases, buildAsyncApi, schemaDocuments, schemaHashes } from './index.js';

const GENERATED = new URL('../../generated/', import.meta.url);
const readJson = (path: string): unknown => JSON.parse(readFileSync(new URL(path, GENERATED), 'utf8'));
const FIX = 'run `npm run generate -w @anime/contracts` and commit what it writes';

describe('generated documents', () => {
  it(`are those that the contracts give today (else ${FIX})`, () => {
    const schemas = schemaDocuments(CATALOGUE);
    expect(readdirSync(new URL('schemas/', GENERATED)).sort()).toEqual([...schemas.keys()].sort());
    for (const [name, schema] of schemas)
      expect(readJson(`schemas/${name}`)).toEqual(JSON.parse(JSON.stringify(schema)));
    expect(readJson('asyncapi.json')).toEqual(JSON.parse(JSON.stringify(buildAsyncApi(CATALOGUE, '1.0.0'))));
  });

  it('hold an AsyncAPI document that the official parser accepts without a word', async () => {
    const { document, diagnostics } = await new Parser().parse(JSON.stringify(readJson('asyncapi.json')));
    expect(diagnostics.filter((diagnostic) => diagnostic.severity <= 1)).toEqual([]);
    const names =
      document
        ?.allMessages()
        .all()
        .map((message) => message.name()) ?? [];
    for (const contract of CATALOGUE.contracts) expect(names).toContain(contract.name);
  });

  it.each(CATALOGUE.contracts.map((contract) => contract.name))(
    'hold a JSON Schema of %s that accepts its golden sample',
    (name) => {
      const ajv = new Ajv2020({ strict: false, formats: { base64: true } });
      const { data } = JSON.parse(readFileSync(new URL(`../golden/${name}.json`, GENERATED), 'utf8')) as {
        data: unknown;
      };
      const validate = ajv.compile(readJson(`schemas/${name}.json`) as object);
      expect(validate(data) || validate.errors).toBe(true);
    },
  );
});

describe('released contracts', () => {
  const released = JSON.parse(readFileSync(new URL('../../released.json', import.meta.url), 'utf8')) as Record<
    string,
    string
  >;

  it('are as they were released', () => {
    expect(brokenReleases(released, schemaHashes(CATALOGUE))).toEqual([]);
  });

  it('may not be changed or removed', () => {
    const make = (data: z.ZodType) =>
      createCatalogue([
        defineEvent({ type: 'job.tested', version: 1, aggregate: 'job', producer: 'gateway', description: 'd', data }),
      ]);
    const before = schemaHashes(make(z.strictObject({ a: z.string() })));
    expect(brokenReleases(before, before)).toEqual([]);
    expect(brokenReleases(before, schemaHashes(make(z.strictObject({ a: z.int() }))))).toEqual([
      'job.tested.v1 was released and has changed: make a new version instead',
    ]);
    expect(brokenReleases(before, {})).toEqual(['job.tested.v1 was released and is gone']);
  });
});
