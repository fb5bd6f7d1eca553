import type { TemplateManifest } from '@anime/contracts';

/** What makes two registrations of one version the same. */
export interface RegisteredVersion {
  readonly manifest: TemplateManifest;
  readonly graphHash: string;
  /** Of the graph that needs less memory; null when there is none. */
  readonly lowMemoryHash: string | null;
}

/** The versions of one template, by number. */
export interface WorkflowState {
  readonly versions: Readonly<Record<number, RegisteredVersion>>;
}

export const NO_WORKFLOW: WorkflowState = { versions: {} };
