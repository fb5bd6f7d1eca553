// Adds the contracts that are not yet in contracts/released.json: from then on they never change (law 8).
// Run when the work that introduces them is finished: `npm run release -w @anime/contracts`.
import { readFileSync, writeFileSync } from 'node:fs';
import { CATALOGUE } from '@anime/contracts';
import { brokenReleases, schemaHashes } from '@anime/contracts/documents';

const file = new URL('../released.json', import.meta.url);
const released = JSON.parse(readFileSync(file, 'utf8')) as Record<string, string>;
const today = schemaHashes(CATALOGUE);
const faults = brokenReleases(released, today);
if (faults.length > 0) {
  console.error(faults.join('\n'));
  process.exit(1);
}
const all = Object.fromEntries(Object.entries({ ...today, ...released }).sort(([a], [b]) => (a < b ? -1 : 1)));
writeFileSync(file, `${JSON.stringify(all, null, 2)}\n`);
console.log(`${Object.keys(all).length} contracts are released`);
