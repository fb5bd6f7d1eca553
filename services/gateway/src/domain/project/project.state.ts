import type { ProjectSettings } from '@anime/contracts';

/** A project that somebody made. */
export interface KnownProject {
  readonly stage: 'active' | 'archived';
  readonly slug: string;
  readonly title: string;
  readonly settings: ProjectSettings;
  /** Position of the last event that changed it. */
  readonly revision: number;
  /** What it began as: a repeat of the request that made it is known by that. */
  readonly created: { readonly title: string; readonly settings: ProjectSettings; readonly position: number };
}

export type ProjectState = { readonly stage: 'absent' } | KnownProject;

export const NO_PROJECT: ProjectState = { stage: 'absent' };
