import { createHash } from 'node:crypto';
import type { ContractCatalogue } from '../catalogue.js';
import { schemaDocuments } from './schemas.js';

/** SHA-256 of the JSON Schema of every event version: what `released.json` fixes for ever. */
export function schemaHashes(catalogue: ContractCatalogue): Record<string, string> {
  const documents = schemaDocuments(catalogue);
  const hashes: Record<string, string> = {};
  for (const { name } of catalogue.contracts) {
    hashes[name] = createHash('sha256')
      .update(JSON.stringify(documents.get(`${name}.json`)))
      .digest('hex');
  }
  return hashes;
}

/**
 * Compares today's schemas with the released ones.
 * @returns a sentence per released contract that is gone or changed; empty when the promise is kept (law 8)
 */
export function brokenReleases(
  released: Readonly<Record<string, string>>,
  today: Readonly<Record<string, string>>,
): string[] {
  const faults: string[] = [];
  for (const [name, hash] of Object.entries(released)) {
    if (today[name] === undefined) faults.push(`${name} was released and is gone`);
    else if (today[name] !== hash) faults.push(`${name} was released and has changed: make a new version instead`);
  }
  return faults;
}
