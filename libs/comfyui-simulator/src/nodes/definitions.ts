import { readFileSync } from 'node:fs';
import { MODEL_INPUTS } from '../model-files.js';
import { parsePythonJson } from '../python-json.js';
import { inputFiles, type MediaKind } from './input-files.js';
import type { InputSpec, NodeEnvironment, NodeInfo } from './node-kind.js';

/**
 * The entries of GET /object_info as a ComfyUI 0.33.0 gave them, and as the sources of the custom packs say them. Lists
 * of files stand empty in the data: they are filled in anew each time.
 */
const DEFINITIONS = parsePythonJson(
  readFileSync(new URL('../../data/node-definitions.json', import.meta.url), 'utf8'),
) as Readonly<Record<string, NodeInfo>>;

/** Which widgets list files of the input folder. */
const FILE_INPUTS: Readonly<Record<string, Readonly<Record<string, MediaKind>>>> = {
  LoadImage: { image: 'image' },
  LoadImageMask: { image: 'image' },
  LoadVideo: { file: 'video' },
  LoadAudio: { audio: 'audio' },
};

/** Choices that stand behind the files. */
const FIXED_CHOICES: Readonly<Record<string, readonly string[]>> = { VAELoader: ['pixel_space'] };

/** Every class there is a definition for. */
export const DEFINED_CLASSES: readonly string[] = Object.keys(DEFINITIONS);

/** The entry of one class with the files there are now. @throws Error for a class without a definition */
export function definitionOf(className: string): (environment: NodeEnvironment) => NodeInfo {
  const definition = DEFINITIONS[className];
  if (definition === undefined) throw new Error(`node-definitions.json has no ${className}`);
  const folders = MODEL_INPUTS[className];
  const kinds = FILE_INPUTS[className];
  if (folders === undefined && kinds === undefined) return () => definition;
  return ({ modelFiles, directories }) => {
    const required = { ...definition.input.required };
    for (const [input, folder] of Object.entries(folders ?? {})) {
      const files = [...(modelFiles[folder] ?? []), ...(FIXED_CHOICES[className] ?? [])];
      required[input] = withChoices(required[input], files);
    }
    for (const [input, kind] of Object.entries(kinds ?? {})) {
      required[input] = withChoices(required[input], inputFiles(directories, kind));
    }
    return { ...definition, input: { ...definition.input, required } };
  };
}

/** The same input with other choices, in either generation of the format. */
function withChoices(spec: InputSpec | undefined, choices: readonly string[]): InputSpec {
  if (spec?.[0] === 'COMBO') return ['COMBO', { ...spec[1], options: choices }];
  return spec?.[1] === undefined ? [choices] : [choices, spec[1]];
}
