// Writes contracts/generated/{schemas/*.json,asyncapi.json}. `npm run generate -w @anime/contracts` runs all generators.
import { mkdirSync, rmSync, writeFileSync } from 'node:fs';
import { CATALOGUE } from '@anime/contracts';
import { buildAsyncApi, schemaDocuments } from '@anime/contracts/documents';

const generated = new URL('../generated/', import.meta.url);
rmSync(new URL('schemas/', generated), { recursive: true, force: true });
mkdirSync(new URL('schemas/', generated), { recursive: true });
for (const [name, schema] of schemaDocuments(CATALOGUE)) {
  writeFileSync(new URL(`schemas/${name}`, generated), `${JSON.stringify(schema, null, 2)}\n`);
}
writeFileSync(new URL('asyncapi.json', generated), `${JSON.stringify(buildAsyncApi(CATALOGUE, '1.0.0'), null, 2)}\n`);
