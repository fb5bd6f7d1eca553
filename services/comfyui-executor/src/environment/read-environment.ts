import type { BlobStore } from '@anime/blob-store';
import { canonicalDefinitionsInPieces, type ComfyClient } from '@anime/comfyui-client';
import { canonicalJson, sha256Hex } from '@anime/event-store';
import { environmentFields, packsOf, type EnvironmentData } from '../domain/environment/environment.js';

export type EnvironmentClient = Pick<ComfyClient, 'systemStats' | 'objectInfo' | 'installedPacks'>;

/**
 * Asks a server what it is, and puts its node definitions into the blob store. Half a second of work here and at the server: once
 * per start of a server. It is done piece by piece, so that nothing here waits for it.
 * @throws ProblemError `comfyui-unavailable`, `storage-failed`…
 */
export async function readEnvironment(client: EnvironmentClient, blobs: BlobStore): Promise<EnvironmentData> {
  const stats = await client.systemStats();
  const packs = await client.installedPacks();
  const { classes } = await client.objectInfo();
  const definitions = Buffer.from(await canonicalDefinitionsInPieces(classes.values()));
  const blob = sha256Hex(definitions);
  if ((await blobs.has(blob)) === undefined) await blobs.put(definitions);
  const modules = [...classes.values()].map(({ pythonModule }) => pythonModule);
  const fields = environmentFields(
    stats,
    { blob, size: definitions.length, classes: classes.size },
    packsOf(packs, modules),
  );
  return { environment: sha256Hex(canonicalJson(fields)), ...fields };
}
