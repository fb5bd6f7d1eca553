import { readdirSync, readFileSync } from 'node:fs';
import { describe, expect, it } from '@jest/globals';
import { CATALOGUE, dataSchemaUri, Envelope, MESSAGE_CONTRACTS } from './index.js';

const GOLDEN = new URL('../golden/', import.meta.url);
const read = (name: string) =>
  JSON.parse(readFileSync(new URL(`${name}.json`, GOLDEN), 'utf8')) as { envelope?: unknown; data: unknown };

describe('golden samples', () => {
  it.each(CATALOGUE.contracts.map((contract) => contract.name))(
    'hold one of %s that its contract still reads unchanged',
    (name) => {
      const contract = CATALOGUE.byName.get(name);
      const sample = read(name);
      const envelope = Envelope.parse(sample.envelope);
      expect(envelope.type).toBe(name);
      expect(envelope.source).toBe(`/anime/${contract?.producer}`);
      expect(envelope.subject.split('/')[0]).toBe(contract?.aggregate);
      expect(envelope.dataschema).toBe(dataSchemaUri(name));
      expect(contract?.data.parse(sample.data)).toEqual(sample.data);
    },
  );

  it.each([...CATALOGUE.upcasters.keys()])('of %s, an old version, read as the version after it', (name) => {
    const step = CATALOGUE.upcasters.get(name);
    const upcast = step?.upcast(read(name).data);
    expect(step?.to.data.parse(upcast)).toEqual(upcast);
  });

  it.each(MESSAGE_CONTRACTS.map((message) => message.name))('hold one of the message %s', (name) => {
    const sample = read(name);
    expect(MESSAGE_CONTRACTS.find((message) => message.name === name)?.data.parse(sample.data)).toEqual(sample.data);
  });

  it('hold nothing that no contract can read', () => {
    const known = new Set([...CATALOGUE.byName.keys(), ...MESSAGE_CONTRACTS.map((message) => message.name)]);
    expect(readdirSync(GOLDEN).filter((file) => !known.has(file.replace(/\.json$/, '')))).toEqual([]);
  });

  it.each(CATALOGUE.contracts.map((contract) => contract.name))(
    'of %s fail with a field too many or too few',
    (name) => {
      const contract = CATALOGUE.byName.get(name);
      const data = read(name).data as Record<string, unknown>;
      expect(contract?.data.safeParse({ ...data, unheardOf: 1 }).success).toBe(false);
      for (const field of Object.keys(data)) {
        const { [field]: _left, ...rest } = data;
        expect(contract?.data.safeParse(rest).success).toBe(false);
      }
    },
  );
});
