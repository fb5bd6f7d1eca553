import type { JobLimits, JobType, ProjectSettings, TemplateManifest } from '@anime/contracts';

type Given = Readonly<Record<string, unknown>>;

/** The template of a project's jobs that name none; undefined: the studio's. */
export function templateIn(settings: ProjectSettings, type: JobType): string | undefined {
  return type === 'image' ? settings.imageTemplate : settings.videoTemplate;
}

/** What was asked for, with the project's own defaults where the template takes them. */
export function withDefaults(manifest: TemplateManifest, given: Given, { negativePrompt }: ProjectSettings): Given {
  const missing = negativePrompt !== undefined && given['negativePrompt'] === undefined;
  const taken = manifest.parameters.some(({ name }) => name === 'negativePrompt');
  return missing && taken ? { ...given, negativePrompt } : given;
}

/** The bounds of a job: what its request says, else what its project says. */
export function limitsIn(settings: ProjectSettings, given: JobLimits = {}): JobLimits {
  const maxAttempts = given.maxAttempts ?? settings.maxAttempts;
  const maxRunSeconds = given.maxRunSeconds ?? settings.maxRunSeconds;
  return {
    ...(maxAttempts === undefined ? {} : { maxAttempts }),
    ...(maxRunSeconds === undefined ? {} : { maxRunSeconds }),
  };
}
