import { createHash } from 'node:crypto';
import canonicalize from 'canonicalize';
import { inPieces } from '../in-pieces.js';
import type { ComboSpec, ComboValue, InputSpec, ValueInputs } from './input-spec.js';
import { nodeDefinitionJson, type NodeDefinition } from './node-definition.js';

/** What the server's folders hold: inputs, models and their configurations. */
const FILE =
  /\.(safetensors|sft|ckpt|pt2?|pth|bin|pkl|gguf|onnx|task|engine|latent|npz?|ya?ml|json|txt|csv|srt|png|jpe?g|webp|gif|bmp|tiff?|avif|exr|hdr|svg|psd|mp4|m4v|webm|mov|mkv|avi|mp3|wav|flac|ogg|opus|m4a|aac|glb|gltf|obj|fbx|stl|usdz|ply|spz|splat|ksplat|pdf)$/i;

/** Combos of core classes that list folders, or names that depend on which files there are, without a file's ending. */
const FOLDER_LISTS: ReadonlySet<string> = new Set([
  'DiffusersLoader.model_path',
  'VAELoader.vae_name',
  'LoadImageDataSetFromFolder.folder',
  'LoadImageTextDataSetFromFolder.folder',
  'LoadVideoDataSetFromFolder.folder',
  'LoadVideoTextDataSetFromFolder.folder',
  'LoadTrainingDataset.folder_name',
]);

/**
 * The definition without what lies in the server's folders: a new input picture or model is no other environment. Lists of
 * uploads and of folders become empty, other lists lose the names of files.
 */
export function withoutFolderLists(node: NodeDefinition): NodeDefinition {
  const bare = (spec: InputSpec): InputSpec => {
    if (spec.kind === 'combo') return bareCombo(node.classType, spec);
    if (spec.kind === 'dynamic-combo')
      return { ...spec, choices: spec.choices.map(({ key, inputs }) => ({ key, inputs: bareInputs(inputs) })) };
    if (spec.kind === 'autogrow')
      return { ...spec, template: { ...spec.template, inputs: bareInputs(spec.template.inputs) } };
    return spec;
  };
  const bareInputs = ({ required, optional }: ValueInputs): ValueInputs => ({
    required: required.map(bare),
    optional: optional.map(bare),
  });
  return { ...node, inputs: { ...bareInputs(node.inputs), hidden: node.inputs.hidden } };
}

function bareCombo(classType: string, spec: ComboSpec): ComboSpec {
  const { image_upload: image, audio_upload: audio, video_upload: video, file_upload: file } = spec.options;
  const isFolder = [image, audio, video, file].includes(true) || FOLDER_LISTS.has(`${classType}.${spec.name}`);
  const { default: preset, ...options } = spec.options;
  const keepsPreset = preset !== undefined && !isFolder && !(typeof preset === 'string' && FILE.test(preset));
  const isLasting = (value: ComboValue): boolean => typeof value !== 'string' || !FILE.test(value);
  return {
    ...spec,
    values: spec.values && (isFolder ? [] : spec.values.filter(isLasting)),
    options: keepsPreset ? spec.options : options,
  };
}

/** Definitions by class as canonical JSON (RFC 8785) without folder lists: one text for one environment. */
export function canonicalDefinitions(nodes: Iterable<NodeDefinition>): string {
  const byClass = Object.fromEntries(
    [...nodes].map((node) => [node.classType, nodeDefinitionJson(withoutFolderLists(node))]),
  );
  return canonicalize(byClass) ?? '{}';
}

/** The same text piece by piece, as {@link canonicalDefinitions} of a whole server takes a tenth of a second. */
export async function canonicalDefinitionsInPieces(nodes: Iterable<NodeDefinition>): Promise<string> {
  const byClass = new Map<string, string>();
  // One class alone is `{"<class>":{…}}`, and RFC 8785 sorts members by the code units of their names, as sort() does.
  for await (const node of inPieces(nodes)) byClass.set(node.classType, canonicalDefinitions([node]).slice(1, -1));
  const sorted = [...byClass.keys()].toSorted((a, b) => (a < b ? -1 : 1));
  return `{${sorted.map((classType) => byClass.get(classType)).join(',')}}`;
}

/** SHA-256 in lower-case hex of {@link canonicalDefinitions}; the order of the nodes does not matter. */
export function definitionsHash(nodes: Iterable<NodeDefinition>): string {
  return createHash('sha256').update(canonicalDefinitions(nodes)).digest('hex');
}
