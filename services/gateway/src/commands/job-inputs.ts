import type { BlobStore } from '@anime/blob-store';
import type { InputFile, Parameters, TemplateManifest } from '@anime/contracts';
import { isProblem } from '@anime/problem-details';
import type { ParameterError } from '@anime/workflow-engine';
import { EXTENSIONS } from '../domain/picture/picture-head.js';
import { pictureHeadOf } from './store-input.js';

/**
 * The pictures that a job takes in: what its parameters of role `image` name, each looked up in the blob store.
 * @param parameters resolved for this manifest
 * @throws ProblemError `storage-failed` when the blob store cannot be read just now
 */
export async function jobInputs(
  manifest: TemplateManifest,
  parameters: Parameters,
  blobs: Pick<BlobStore, 'has' | 'stream'>,
): Promise<{ readonly inputs: InputFile[]; readonly errors: ParameterError[] }> {
  const inputs: InputFile[] = [];
  const errors: ParameterError[] = [];
  for (const { name: parameter } of manifest.parameters.filter(({ role }) => role === 'image')) {
    const blob = String(parameters[parameter]);
    const input = await inputFile(parameter, blob, blobs);
    if (typeof input === 'string') errors.push({ parameter, message: input });
    else inputs.push(input);
  }
  return { inputs, errors };
}

/** The file, or what is wrong with it. */
async function inputFile(
  parameter: string,
  blob: string,
  blobs: Pick<BlobStore, 'has' | 'stream'>,
): Promise<InputFile | string> {
  const stored = await blobs.has(blob);
  if (stored === undefined) return NOT_STORED;
  const chunks = blobs.stream(blob)[Symbol.asyncIterator]();
  try {
    const { head } = await pictureHeadOf(chunks);
    if (head === undefined) return 'is no PNG, JPEG or WebP picture';
    const { mediaType } = head;
    return { parameter, blob, name: `${blob}.${EXTENSIONS[mediaType]}`, size: stored.size, mediaType };
  } catch (error) {
    // Damaged or gone since: stored again, it is whole.
    if (isProblem(error, 'blob-not-found') || isProblem(error, 'blob-corrupt')) return NOT_STORED;
    throw error;
  } finally {
    await chunks.return?.();
  }
}

const NOT_STORED = 'is not stored here: send the picture to POST /api/anime/inputs first';
