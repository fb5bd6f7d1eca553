// Writes contracts/generated/openapi.json from the route table. Run through `npm run generate -w @anime/contracts`.
import { writeFileSync } from 'node:fs';
import { gatewayOpenApi } from '@anime/contracts/http';

writeFileSync(new URL('../generated/openapi.json', import.meta.url), `${JSON.stringify(gatewayOpenApi(), null, 2)}\n`);
